"""Read the commands that a page tells to type."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

SEPARATORS = {"&&", "||", "|", ";", "\n"}
COMMENT = re.compile(r"(?:^|(?<=\s))#\s.*$", re.MULTILINE)
ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


class Command(NamedTuple):
    variables: dict[str, str]
    """What is set for it, or by it if it has no words."""
    words: list[str]


def commands_of(text: str) -> list[Command]:
    return [_command(words) for words in _split(COMMENT.sub("", text.replace("\\\n", " "))) if words]


def _split(text: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for token in lexer:
        if token.strip("\n") in SEPARATORS | {""} and token.strip(" ") != "":
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _command(words: list[str]) -> Command:
    if words[0] == "env":
        words = words[1:]
    assigned = list(takewhile(ASSIGNMENT.match, words))
    variables = dict(found.groups() for word in assigned if (found := ASSIGNMENT.match(word)))
    return Command(variables, _without_redirections(words[len(assigned) :]))


def _without_redirections(words: list[str]) -> list[str]:
    return list(takewhile(lambda word: word[0] not in "<>", words)) if "" not in words else words
