"""Write values as the language and the region of the reader do: dates, times, numbers and prices."""

from datetime import date, datetime
from decimal import Decimal
from functools import cache

from babel import Locale, dates, numbers
from django.utils.translation import get_language, gettext

from tickets.values.money import as_written
from tickets.values.venue_time import zone_in_words

DEFAULT_REGIONS = {"en": "GB"}
"""Babel takes a language without a region for that of its largest country."""
MOMENT = "yMMMEd"
MONTH = "yMMMM"


def current_locale() -> Locale:
    return _locale_of(get_language() or "en")


@cache
def _locale_of(tag: str) -> Locale:
    language, _, region = tag.partition("-")
    return Locale(language, region.upper() or DEFAULT_REGIONS.get(language))


def day(local: date) -> str:
    """Write a day: Sat, 1 May 2027."""
    return dates.format_skeleton(MOMENT, local, locale=current_locale())


def moment(local: datetime) -> str:
    """Write a local time with its zone: Sat, 1 May 2027, 20:00 CEST (UTC+2)."""
    time = dates.format_time(local.replace(tzinfo=None), "short", locale=current_locale())
    return gettext("%(day)s, %(time)s %(zone)s") % {"day": day(local), "time": time, "zone": zone_in_words(local)}


def month(first: date) -> str:
    return dates.format_skeleton(MONTH, first, locale=current_locale())


def number(value: float) -> str:
    """Write a number without decimals."""
    return numbers.format_decimal(round(value), "#,##0", locale=current_locale())


def price(amount: Decimal, currency: str) -> str:
    """Write a price with the currency's decimals, and the currency by its code, which is unambiguous: 25.00 EUR."""
    written = as_written(amount, currency)
    places = max(-int(written.as_tuple().exponent), 0)
    decimals = f".{'0' * places}" if places else ""
    pattern = f"#,##0{decimals}\N{NO-BREAK SPACE}¤¤" if _comes_last() else f"¤¤\N{NO-BREAK SPACE}#,##0{decimals}"
    return numbers.format_currency(written, currency, pattern, locale=current_locale(), currency_digits=False)


def _comes_last() -> bool:
    pattern: str = current_locale().currency_formats["standard"].pattern
    return pattern.rstrip().endswith("¤")
