"""The code of docs/how-to: examples, and files of the other project that begin with their path."""

import re
from pathlib import Path

HOW_TO = Path(__file__).resolve().parents[1] / "docs/how-to"
PAGES = ("events.md", "consumer-groups.md", "testing.md", "another-project.md", "webhooks.md")
"""The pages with code in Python; the first three continue each other."""
FILE = re.compile(r"# (settings\.py|warehouse/\w+\.py)\n")


def examples() -> list[str]:
    return [block for block in _python_blocks() if not FILE.match(block)]


def files_of_the_other_project() -> dict[str, str]:
    """Return what the page says to write into each file."""
    return {found[1]: block[found.end() :] for block in _python_blocks() if (found := FILE.match(block))}


def _python_blocks() -> list[str]:
    pages = "\n".join((HOW_TO / page).read_text() for page in PAGES)
    return re.findall(r"```python\n(.*?)```", pages, re.DOTALL)
