"""The code of docs/how-to: examples, and files of the other project that begin with their path."""

import re

from tests.documentation.pages import ROOT, blocks_of

PAGES = ("events.md", "consumer-groups.md", "testing.md", "another-project.md", "webhooks.md")
"""The pages with code in Python; the first three continue each other."""
FILE = re.compile(r"# (settings\.py|warehouse/\w+\.py)\n")


def examples() -> list[str]:
    return [block for block in _python_blocks() if not FILE.match(block)]


def files_of_the_other_project() -> dict[str, str]:
    """Return what the page says to write into each file."""
    return {found[1]: block[found.end() :] for block in _python_blocks() if (found := FILE.match(block))}


def _python_blocks() -> list[str]:
    blocks = (block for page in PAGES for block in blocks_of(ROOT / "docs/how-to" / page))
    return [block.text for block in blocks if block.language == "python"]
