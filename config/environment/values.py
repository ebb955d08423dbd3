"""Read the texts of environment variables; each function raises ValueError with the rest of a sentence."""

import logging
import re
from collections.abc import Sequence

from events.texts.numbers import decimal_number, whole_number

SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
SHORTEST_SECRET = 32
ORIGIN = re.compile(r"https?://(?:\*\.)?(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)
SEPARATOR = re.compile(r"[,\n]")


def switch(text: str) -> bool:
    try:
        return SWITCHES[text.strip().lower()]
    except KeyError:
        raise ValueError(f"write true or false, not {text[:50]!r}") from None


def log_level(text: str) -> str:
    level = text.strip().upper()
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"{text[:50]!r} is no level; write DEBUG, INFO, WARNING or ERROR")
    return level


def web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise ValueError("this is no URL that begins with http:// or https://")
    return text


def whole(text: str, least: int, most: int) -> int:
    number = whole_number(text)
    if not least <= number <= most:
        raise ValueError(f"{number} is not between {least:,} and {most:,}")
    return number


def decimal(text: str, most: float) -> float:
    number = float(decimal_number(text))
    if not 0 < number <= most:
        raise ValueError(f"{number:g} is not above 0 and up to {most:,.0f}")
    return number


def choice(text: str, choices: Sequence[str]) -> str:
    found = text.strip().lower()
    if found not in choices:
        raise ValueError(f"{text[:50]!r} is not one of {', '.join(choices)}")
    return found


def listed(text: str) -> list[str]:
    """Split at commas and line breaks."""
    items = [item.strip() for item in SEPARATOR.split(text)]
    if not any(items):
        raise ValueError("it has commas, but nothing between them")
    return [item for item in items if item]


def long_enough(secret: str) -> str:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"it has {len(secret)} characters, but needs {SHORTEST_SECRET}: write random ones")
    return secret


def origin(text: str) -> str:
    if not ORIGIN.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is no origin; write https:// and a host, such as https://tickets.example.org")
    return text
