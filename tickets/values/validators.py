"""Validate a ticket's fields, beyond what their types check."""

import re
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.values.money import DECIMALS
from tickets.values.texts import control_character, is_visible, normalized
from tickets.values.venue_time import time_zones

NOT_STORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
"""PostgreSQL has no NUL, UTF-8 no half characters, and XML, so no workbook, U+FFFE and U+FFFF."""
NAIVE = gettext_lazy(
    "This time has no time zone; add its offset, for example 2027-05-01T20:00:00+02:00, or Z for UTC, or give the "
    "venue's time zone too."
)
OUT_OF_RANGE = gettext_lazy("This time is outside the years 1900 to 2200; write a time within them.")
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)

validate_code = RegexValidator(
    r"^-*[A-Za-z0-9][A-Za-z0-9-]*\Z",
    gettext_lazy("A code has letters A to Z, digits and hyphens only, and not only hyphens."),
)


def validate_text(value: str) -> None:
    """Refuse text that shows nothing, that PostgreSQL or JSON can't hold, or that changes how other text is shown."""
    text = normalized(value)
    if NOT_STORABLE.search(text):
        raise ValidationError(
            _("This text has a NUL or an invalid character; write it in UTF-8, without NUL."), code="text"
        )
    if char := control_character(text):
        raise ValidationError(
            _("This text has the control character %(name)s, which would change how it is shown; remove it.")
            % {"name": f"U+{ord(char):04X}"},
            code="text",
        )
    if text and not is_visible(text):
        raise ValidationError(_("This text shows nothing; write at least one letter, digit or symbol."), code="text")


def validate_currency(value: str) -> None:
    if value not in DECIMALS:
        raise ValidationError(
            _("%(value)r is not the ISO 4217 code of a currency that people pay with; write one such as EUR.")
            % {"value": value},
            code="currency",
        )


def validate_time_zone(value: str) -> None:
    if value not in time_zones():
        raise ValidationError(
            _("%(value)r is not the name of a time zone; write one such as Europe/Berlin or UTC.") % {"value": value},
            code="time-zone",
        )


def validate_instant(value: datetime) -> None:
    """Refuse a time without a time zone, and one outside the years in which tickets can be."""
    if value.tzinfo is None:
        raise ValidationError(NAIVE, code="naive")
    if not EARLIEST <= value < LATEST:
        raise ValidationError(OUT_OF_RANGE, code="range")


def validate_year(local: datetime) -> None:
    """Refuse an instant whose local time is outside these years: no day at the venue that can be asked for has it."""
    if not EARLIEST.year <= local.year < LATEST.year:
        raise ValidationError(OUT_OF_RANGE, code="range")
