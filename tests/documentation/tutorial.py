"""The steps of docs/tutorial.md: files to write, and commands to run."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.documentation.pages import ROOT, blocks_of
from tests.documentation.shell import commands_of

PAGE = ROOT / "docs/tutorial.md"
FILE = re.compile(r"# ((?:config|checkroom)/\S+\.py)\n")


class Written(NamedTuple):
    """A file that is written, or the end of one that exists."""

    path: str
    text: str


class Typed(NamedTuple):
    """The words of a command, and the variables in front of it."""

    words: list[str]
    variables: dict[str, str]


def steps() -> Iterator[Written | Typed]:
    for block in blocks_of(PAGE):
        if block.language == "python":
            found = FILE.match(block.text)
            assert found, block
            yield Written(found[1], block.text[found.end() :])
        else:
            yield from (Typed(command.words, command.variables) for command in commands_of(block.text))
