"""What a ticket's fields must hold, beyond what their types say."""

import re
from datetime import UTC, datetime

import iso4217
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
CURRENCIES = frozenset(currency.value for currency in iso4217.Currency)
NAIVE = "This time has no time zone; write its offset, for example 2027-05-01T20:00:00+02:00, or Z for UTC."

validate_code = RegexValidator(r"^[A-Za-z0-9-]+\Z", "A code has letters A to Z, digits and hyphens only.")


def validate_text(value: str) -> None:
    """Refuse what neither PostgreSQL nor JSON can hold."""
    if NOT_STORABLE.search(value):
        raise ValidationError("This text has a NUL or a broken character; it must be UTF-8.", code="text")


def validate_currency(value: str) -> None:
    if value not in CURRENCIES:
        raise ValidationError(f"{value!r} is no currency of ISO 4217, such as EUR.", code="currency")


def validate_instant(value: datetime) -> None:
    """Refuse a time without a zone, and one that has no equivalent in UTC."""
    if value.tzinfo is None:
        raise ValidationError(NAIVE, code="naive")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValidationError("This time is beyond the calendar in UTC.", code="overflow") from None
