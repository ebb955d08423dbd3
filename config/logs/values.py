"""Turn any value into what JSON can hold, no longer than it may be."""

import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

HALVES = re.compile("[\ud800-\udfff]")
DEEPEST = 4
MOST_ITEMS = 50
LARGEST_INTEGER = 2**63
"""Readers of JSON take larger ones for fractions, or refuse them."""


class Plain:
    """Makes values plain, with texts of at most `longest` characters."""

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def text(self, text: str) -> str:
        """Return the text with its beginning kept; half surrogates, which no encoding has, become U+FFFD."""
        whole = HALVES.sub("�", text[: self._longest + 1])
        return whole if len(whole) <= self._longest else f"{whole[: self._longest]}…"

    def end_of(self, text: str) -> str:
        """Return the text with its end kept: a traceback ends with what matters most."""
        whole = HALVES.sub("�", text[-self._longest - 1 :])
        return whole if len(whole) <= self._longest else f"…{whole[-self._longest :]}"

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value of JSON; of an object that is none, only the class: its `repr` may tell anything."""
        plain: Any
        match value:
            case None | bool():
                plain = value
            case int():
                plain = int(value) if abs(value) < LARGEST_INTEGER else "<a large integer>"
            case float():
                plain = float(value) if math.isfinite(value) else str(float(value))
            case str() | UUID() | Decimal() | PurePath():
                plain = self.text(str(value))
            case datetime() | date() | time():
                plain = value.isoformat()
            case dict() | list() | tuple() | set() | frozenset() if depth < DEEPEST:
                plain = self._collection(value, depth + 1)
            case _:
                plain = self.text(f"<{type(value).__qualname__}>")
        return plain

    def _collection(self, values: Any, depth: int) -> Any:
        if isinstance(values, dict):
            pairs = islice(values.items(), MOST_ITEMS)
            return {str(self.value(name, DEEPEST)): self.value(value, depth) for name, value in pairs}
        return [self.value(value, depth) for value in islice(values, MOST_ITEMS)]
