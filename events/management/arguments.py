"""Arguments that several commands take, read from text."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def age(text: str) -> timedelta:
    """Read an age such as 90d, 12h or 30m."""
    if not re.fullmatch(r"\d{1,5}[dhm]", text):
        raise ArgumentTypeError(f"{text!r} is no age such as 90d, 12h or 30m")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def count(text: str) -> int:
    """Read a number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)
