"""What docs/reference/json.md says of the JSON of a command, and whether the command prints just that."""

import re
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/json.md"


@cache
def documented() -> dict[str, list[frozenset[str]]]:
    """Return the members of each table, by command."""
    sections = PAGE.read_text().split("\n## ")[1:]
    return {section.partition("`")[2].partition("`")[0]: list(_tables(section)) for section in sections}


def _tables(section: str) -> Iterator[frozenset[str]]:
    for table in section.split("| member | meaning |\n|---|---|\n")[1:]:
        rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
        yield frozenset(member for row in rows for member in re.findall(r"`([^`]+)`", row))


def assert_documented(command: str, found: dict[str, Any], *tables: int) -> None:
    """Compare the members of an object with the tables of the page, the first one by default."""
    wanted = frozenset().union(*(documented()[command][number] for number in tables or (0,)))
    here, there = _members(found, wanted), _expected(found, wanted)

    assert sorted(here - there) == [], "docs/reference/json.md lacks these"
    assert sorted(there - here) == [], "they are documented, but missing"


def _members(found: Any, wanted: Set[str], path: str = "") -> set[str]:
    """Return the paths of the members; only where the page goes deeper, this does."""
    members: set[str] = set()
    for name, value in found.items():
        here = f"{path}{name}"
        if here in wanted or not _goes_deeper(wanted, here):
            members.add(here)
        for below, each in (
            [(f"{here}[].", item) for item in value] if isinstance(value, list) else [(f"{here}.", value)]
        ):
            if isinstance(each, dict) and _goes_deeper(wanted, below.rstrip(".")):
                members |= _members(each, wanted, below)
    return members


def _goes_deeper(wanted: Set[str], path: str) -> bool:
    return any(member.startswith((f"{path}.", f"{path}[].")) for member in wanted)


def _expected(found: dict[str, Any], wanted: Set[str]) -> set[str]:
    """Leave out what is of objects that are not there: of an empty list, or null."""
    return {member for member in wanted if _has_parent(found, re.split(r"(?<=\[\])\.|\.", member)[:-1])}


def _has_parent(found: Any, parents: list[str]) -> bool:
    for name in parents:
        found = found[name.removesuffix("[]")]
        if name.endswith("[]"):
            if not found:
                return False
            found = found[0]
        if not isinstance(found, dict):
            return False
    return True
