"""A payload as text for people: pretty, cut where it is long, and compared with another one."""

import unicodedata
from difflib import unified_diff

import msgspec

INDENT = 2
CONTEXT_LINES = 3
MOST_COMPARED_LINES = 20_000
"""More than these are not compared: that could take minutes."""
DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def pretty(data: str) -> str:
    """Indent the JSON, and leave every number and text as it is written; what is no JSON is returned unchanged."""
    try:
        return msgspec.json.format(data, indent=INDENT)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return data


def cut(text: str, length: int) -> str:
    """Return the text, or its beginning and how long it is."""
    return text if len(text) <= length else f"{text[:length]}\n[cut: {len(text):,} characters]"


def printable(text: str) -> str:
    """Show what a terminal would obey (escape sequences, a change of the writing direction) by its number instead."""
    return "".join(_escaped(character) for character in text)


def compare(before: str, after: str) -> list[str]:
    """Return the lines that differ between two payloads, with a sign before each, and some around them."""
    old, new = _without_common_ends(pretty(before).splitlines(), pretty(after).splitlines())
    if len(old) + len(new) > MOST_COMPARED_LINES:
        return ["[too much has changed to be compared]"]
    lines = unified_diff(old, new, lineterm="", n=CONTEXT_LINES)
    return ["..." if line.startswith("@@") else line for line in lines][2:]  # The first two name files.


def _without_common_ends(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Leave away what both begin and end with, but for the context: comparing is slow, and most edits are small."""
    start = max(0, _common_length(old, new) - CONTEXT_LINES)
    old, new = old[start:], new[start:]
    end = max(0, _common_length(old[::-1], new[::-1]) - CONTEXT_LINES)
    return old[: len(old) - end], new[: len(new) - end]


def _common_length(old: list[str], new: list[str]) -> int:
    differ = (index for index, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    return next(differ, min(len(old), len(new)))


def _escaped(character: str) -> str:
    is_obeyed = unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"
    return f"\\u{ord(character):04x}" if is_obeyed or character in DIRECTION_MARKS else character
