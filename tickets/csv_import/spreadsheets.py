"""Read times and prices as spreadsheet programs write them; what could mean two things is refused; pure."""

import re
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

CLOCK = r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
WRITTEN_TIME = re.compile(
    rf"(?P<first>[0-9]{{1,2}})(?P<mark>[./-])(?P<second_part>[0-9]{{1,2}})(?P=mark)(?P<year>[0-9]{{2,4}})(?:,?\s+{CLOCK})?"
)
YEAR_FIRST = re.compile(
    rf"(?P<year>[0-9]{{4}})[./-]\s?(?P<first>[0-9]{{1,2}})[./-]\s?(?P<second_part>[0-9]{{1,2}})\.?\s+{CLOCK}"
)
DAY_ALONE = re.compile(r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}")
SERIAL = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
SPACES = re.compile("[\\s\u00a0\u202f'’]")
THREE_DECIMALS = 3


def time_in(text: str) -> str:
    """Return a local time in ISO 8601, and any other text as it is; raise ValueError if it is not one time."""
    if SERIAL.fullmatch(text):
        raise ValueError(_("This is a spreadsheet's number of a time; write it as 2027-05-01 20:00."))
    if DAY_ALONE.fullmatch(text):
        raise ValueError(_("The time of day is missing; write it as 2027-05-01 20:00."))
    if found := YEAR_FIRST.fullmatch(text):
        return _local(found, month=int(found["first"]), day=int(found["second_part"]))
    if not (found := WRITTEN_TIME.fullmatch(text)):
        return text
    if len(found["year"]) != 4:  # noqa: PLR2004 (digits)
        raise ValueError(_("Write the year with four digits; write it as 2027-05-01 20:00."))
    if not found["hour"]:
        raise ValueError(_("The time of day is missing; write it as 2027-05-01 20:00."))
    day, month = _day_and_month(int(found["first"]), int(found["second_part"]), found["mark"])
    return _local(found, month=month, day=day)


def _local(found: re.Match[str], *, month: int, day: int) -> str:
    try:
        return datetime(int(found["year"]), month, day, *_clock(found)).isoformat()  # noqa: DTZ001 (local)
    except ValueError:
        raise ValueError(_("There is no such day or time; write it as 2027-05-01 20:00.")) from None


def _day_and_month(first: int, second: int, mark: str) -> tuple[int, int]:
    """Only dates with dots have one order; of others, the number above 12 is the day."""
    if mark == "." or first > 12 or first == second:  # noqa: PLR2004 (months)
        return first, second
    if second > 12:  # noqa: PLR2004
        return second, first
    unclear = _("Which of %(first)s and %(second)s is the month? To be clear, write it as 2027-05-01 20:00.")
    raise ValueError(unclear % {"first": first, "second": second})


def _clock(found: re.Match[str]) -> tuple[int, int, int]:
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 (hours)
            raise ValueError("no hour of a half day")
        hour = hour % 12 + 12 * (found["half"] in "Pp")
    return hour, int(found["minute"]), int(found["second"] or 0)


def price_in(text: str, *, delimiter: str, decimals: int) -> str:
    """Return a price with a decimal point, and other text as it is; raise ValueError if it could be two prices.

    A file with another delimiter than the comma may have decimal commas.
    """
    number = SPACES.sub("", text)
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", number):
        return number.replace(",", "")
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", number):
        return number.replace(".", "").replace(",", ".")
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3}){2,}|[0-9]{1,3}(,[0-9]{3}){2,}", number):
        return re.sub("[.,]", "", number)
    fits = decimals == THREE_DECIMALS and ("." in number or delimiter != ",")
    if re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", number) and not fits:
        plain, fraction = re.sub("[.,]", "", number), Decimal(number.replace(",", ".")).normalize()
        unclear = _("%(text)s could be %(plain)s or %(fraction)s; write the one that is meant.")
        raise ValueError(unclear % {"text": text, "plain": plain, "fraction": f"{fraction:f}"})
    if re.fullmatch(r"[0-9]+,[0-9]+", number):
        return number.replace(",", ".")
    return number if re.fullmatch(r"[0-9.]+", number) else text
