"""The code of docs/how-to: examples, and files of the other project that begin with their path."""

import re
from collections.abc import Iterable

from tests.documentation.pages import ROOT, blocks_of

EXAMPLES = ("events.md", "consumer-groups.md", "testing.md")
"""Pages whose code continues that of the page before."""
OTHER_PROJECT = ("another-project.md",)
FILE = re.compile(r"# (settings\.py|warehouse/\w+\.py)\n")


def examples() -> list[str]:
    return _python_blocks(EXAMPLES)


def files_of_the_other_project() -> dict[str, str]:
    """Return what the page says to write into each file."""
    return {found[1]: block[found.end() :] for block in _python_blocks(OTHER_PROJECT) if (found := FILE.match(block))}


def _python_blocks(pages: Iterable[str]) -> list[str]:
    blocks = (block for page in pages for block in blocks_of(ROOT / "docs/how-to" / page))
    return [block.text for block in blocks if block.language == "python"]
