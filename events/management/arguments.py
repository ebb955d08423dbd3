"""Types of arguments that several commands take."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from events.texts.numbers import decimal_number, whole_number

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def age(text: str) -> timedelta:
    """Parse an age such as 90d, 12h or 30m."""
    if not re.fullmatch(r"\d{1,5}[dhm]", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is not an age such as 90d, 12h or 30m")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def number(text: str) -> int:
    """Parse a whole number from 0 on."""
    found = _parsed(whole_number, text)
    if found < 0:
        raise ArgumentTypeError(f"{text!r} is below 0")
    return found


def count(text: str) -> int:
    """Parse a whole number above 0."""
    if not (found := number(text)):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return found


def price(text: str) -> Decimal:
    return _parsed(decimal_number, text)


def positive(text: str) -> float:
    """Parse a number above 0, which may have decimals."""
    found = float(_parsed(decimal_number, text))
    if found <= 0:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return found


def _parsed[Number](parse: Callable[[str], Number], text: str) -> Number:
    try:
        return parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
