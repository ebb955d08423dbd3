"""Format payloads for people: indented, shortened, compared."""

from difflib import unified_diff

import msgspec

INDENT = 2
CONTEXT_LINES = 3
MOST_COMPARED_LINES = 20_000
"""Longer payloads are not compared, since that could take minutes."""


def pretty(data: str) -> str:
    """Indent the JSON, and keep every number and text as written; return anything else unchanged."""
    try:
        return msgspec.json.format(data, indent=INDENT)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return data


def cut(text: str, length: int) -> str:
    """Return the text, or its beginning with its length if it is longer."""
    return text if len(text) <= length else f"{text[:length]}\n[cut: {len(text):,} characters]"


def compare(before: str, after: str) -> list[str]:
    """Return the lines that differ between two payloads, marked with + and -, with some lines around them."""
    old, new = _without_common_ends(pretty(before).splitlines(), pretty(after).splitlines())
    if len(old) + len(new) > MOST_COMPARED_LINES:
        return ["[too much has changed to show the differences]"]
    lines = unified_diff(old, new, lineterm="", n=CONTEXT_LINES)
    return ["..." if line.startswith("@@") else line for line in lines][2:]  # The first two name files.


def _without_common_ends(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Drop the common beginning and end, except for the context: comparing is slow, and most edits are small."""
    start = max(0, _common_length(old, new) - CONTEXT_LINES)
    old, new = old[start:], new[start:]
    end = max(0, _common_length(old[::-1], new[::-1]) - CONTEXT_LINES)
    return old[: len(old) - end], new[: len(new) - end]


def _common_length(old: list[str], new: list[str]) -> int:
    differ = (index for index, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    return next(differ, min(len(old), len(new)))
