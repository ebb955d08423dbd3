"""The code of docs/how-to.md: examples, and files of the other project that begin with their path."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs/how-to.md"
FILE = re.compile(r"# (settings\.py|warehouse/\w+\.py)\n")


def examples() -> list[str]:
    return [block for block in _python_blocks() if not FILE.match(block)]


def files_of_the_other_project() -> dict[str, str]:
    """Return what the page says to write into each file."""
    return {found[1]: block[found.end() :] for block in _python_blocks() if (found := FILE.match(block))}


def _python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
