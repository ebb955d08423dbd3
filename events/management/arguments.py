"""Types of arguments that several commands take."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def age(text: str) -> timedelta:
    """Parse an age such as 90d, 12h or 30m."""
    if not re.fullmatch(r"\d{1,5}[dhm]", text):
        raise ArgumentTypeError(f"{text!r} is not an age such as 90d, 12h or 30m")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def count(text: str) -> int:
    """Parse a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
