"""E-mail addresses, also with letters beyond ASCII (RFC 6531), as mail servers accept them."""

import unicodedata

from django.core.validators import validate_email

from tickets.values.texts import BLANK

LETTERS, MARKS = "LN", "M"


def validate_address(value: str) -> None:
    """Refuse what is no address, by Django's rules; a letter or digit of any script counts as one of ASCII there."""
    user, at, domain = value.rpartition("@")
    validate_email(_in_ascii(user) + at + _in_ascii(domain))


def _in_ascii(text: str) -> str:
    """Write `x` for each letter, and for each mark that belongs to one, and a space, which no address has, for others.

    Django takes most of Unicode for letters of a domain, also what shows nothing or turns the text around.
    """
    written = ""
    for char in text:
        belongs = unicodedata.category(char)[0] in (LETTERS + MARKS if written[-1:].isalnum() else LETTERS)
        written += char if char.isascii() else "x" if belongs and _is_its_own(char) else " "
    return written


def _is_its_own(char: str) -> bool:
    """Tell whether the character shows something, and is no other way to write one, as a wide letter or a ligature."""
    return char not in BLANK and unicodedata.normalize("NFKC", char) == char
