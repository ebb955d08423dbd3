"""E-mail addresses, also with letters beyond ASCII before the @ (RFC 6531), as mail servers accept them."""

import unicodedata

from django.core.validators import validate_email

LETTERS, MARKS = "LN", "M"


def validate_address(value: str) -> None:
    """Refuse what is no address, by Django's rules; a letter or digit of any script counts as one of ASCII there."""
    user, at, domain = value.rpartition("@")
    validate_email(_in_ascii(user) + at + domain)


def _in_ascii(user: str) -> str:
    """Write `x` for each letter, and for each mark that belongs to one; no other character of its own is a letter."""
    written = ""
    for char in user:
        belongs = unicodedata.category(char)[0] in (LETTERS + MARKS if written[-1:].isalnum() else LETTERS)
        written += "x" if belongs and not char.isascii() and _is_its_own(char) else char
    return written


def _is_its_own(char: str) -> bool:
    """Tell whether the character is no other way to write one, such as a wide letter or a ligature."""
    return unicodedata.normalize("NFKC", char) == char
