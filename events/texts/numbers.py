"""Numbers as people write them; Python also reads 1_0, 1e3, NaN, spaces around, and the digits of other scripts."""

import re
from decimal import Decimal

LONGEST = 18
"""Digits; more would not fit the database's columns."""
WHOLE = re.compile(rf"-?\d{{1,{LONGEST}}}", re.ASCII)
DECIMAL = re.compile(rf"-?(?:\d{{1,{LONGEST}}}(?:\.\d{{0,{LONGEST}}})?|\.\d{{1,{LONGEST}}})", re.ASCII)


BIGGEST = 2**63 - 1
"""The largest number that fits the database's columns."""


def bounded_number(text: str) -> int | None:
    """Return the number that digits 0 to 9 of any length write, or BIGGEST if it is longer; None for another text."""
    if not (text.isascii() and text.isdecimal()):
        return None
    return int(text[-LONGEST:]) if len(text.lstrip("0")) <= LONGEST else BIGGEST


def whole_number(text: str) -> int:
    """Raise ValueError if the text is anything else."""
    if not WHOLE.fullmatch(text):
        is_too_long = text.isascii() and text.removeprefix("-").isdecimal()
        wrong = f"has more than {LONGEST} digits" if is_too_long else "is not a whole number in the digits 0 to 9"
        raise ValueError(f"{text[:50]!r} {wrong}")
    return int(text)


def decimal_number(text: str) -> Decimal:
    """Raise ValueError if the text is anything else."""
    if not DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is not a number in the digits 0 to 9, with a point for decimals")
    return Decimal(text)
