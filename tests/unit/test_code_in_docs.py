"""Each block of code and each command in the documentation is right: here they are read, elsewhere most of them run."""

import pytest

from tests.documentation.checks import CHECKS, check_shell
from tests.documentation.pages import PAGES, Block, blocks_of

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
NOT_CODE = {
    ("README.md", "tickets/models"): "a picture; test_docs.py compares its folders with the tree",
    ("docs/architecture.md", "events/ "): "the tree; test_docs.py compares it with the folders",
}
"""Indented blocks that are no commands, by their first words, and why."""
TEXT = {
    "docs/architecture.md": "layers; test_docs.py compares them with the contracts",
    "docs/benchmarks.md": "figures, as the benchmarks print them",
    "docs/faults.md": "what a failing run prints",
    "docs/operations/tracing.md": "a trace, as a viewer shows it",
    "docs/reference/settings.md": "a sum",
    "docs/scale.md": "figures, as the benchmarks print them",
    "docs/reference/urls.md": "the grammar of URLs",
}
"""Pages with blocks in the language `text`, and why nothing checks them."""


def is_code(block: Block) -> bool:
    if block.language == "text":
        return block.page not in TEXT
    return not any(block.page == page and block.text.startswith(words) for page, words in NOT_CODE)


@pytest.mark.parametrize("block", [*filter(is_code, BLOCKS)], ids=lambda block: f"{block.page}:{block.line}")
def test_the_code_or_the_commands_of_the_block_are_right(block: Block) -> None:
    CHECKS[block.language](block.text)


def test_no_exception_is_left_that_nothing_needs() -> None:
    pictures = {key for key in NOT_CODE for block in BLOCKS if block.page == key[0] and block.text.startswith(key[1])}

    assert pictures == NOT_CODE.keys()
    assert {block.page for block in BLOCKS if block.language == "text"} == TEXT.keys()


@pytest.mark.parametrize(
    "wrong",
    [
        "uv run manage.py compact_events --older-then 90d",
        "uv run manage.py no_such_command",
        'uv run manage.py shell -c "from tickets.models import Tickets"',
        "make coffee",
        "EVENTS_STREAM_KEY=new",
        "curl $URL/api/ticket/",
        "curl -X DELETE $URL/api/tickets/",
        "uv run python -m tests.no_such_module",
        "cp config/no_such_file /etc",
        "echo 'not closed",
        "docker compose exec web python manage.py no_such_command",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 (of any kind)
        check_shell(wrong)
