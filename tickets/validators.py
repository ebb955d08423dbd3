"""Validate a ticket's fields, beyond what their types check."""

import re
from datetime import UTC, datetime

import iso4217
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from tickets.texts import control_character, is_visible, normalized

NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
CURRENCIES = frozenset(currency.value for currency in iso4217.Currency)
NAIVE = "This time has no time zone; add its offset, for example 2027-05-01T20:00:00+02:00, or Z for UTC."

validate_code = RegexValidator(
    r"^-*[A-Za-z0-9][A-Za-z0-9-]*\Z", "A code has letters A to Z, digits and hyphens only, and not only hyphens."
)


def validate_text(value: str) -> None:
    """Refuse text that shows nothing, that PostgreSQL or JSON can't hold, or that changes how other text is shown."""
    text = normalized(value)
    if NOT_STORABLE.search(text):
        raise ValidationError(
            "This text has a NUL or an invalid character; write it in UTF-8, without NUL.", code="text"
        )
    if char := control_character(text):
        raise ValidationError(
            f"This text has the control character U+{ord(char):04X}, which would change how it is shown; remove it.",
            code="text",
        )
    if text and not is_visible(text):
        raise ValidationError("This text shows nothing; write at least one letter, digit or symbol.", code="text")


def validate_currency(value: str) -> None:
    if value not in CURRENCIES:
        raise ValidationError(f"{value!r} is not a currency code of ISO 4217; write one such as EUR.", code="currency")


def validate_instant(value: datetime) -> None:
    """Refuse a time without a time zone, and a time that UTC can't represent."""
    if value.tzinfo is None:
        raise ValidationError(NAIVE, code="naive")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValidationError(
            "This time is outside the years 1 to 9999 in UTC; write a time within them.", code="overflow"
        ) from None
