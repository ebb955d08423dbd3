"""Turn dates and instants into the bounds of a period, in a time zone; pure."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext_lazy

# Names without a slash are abbreviations and other exceptions, which not every server knows.
TIME_ZONES = frozenset(name for name in available_timezones() if "/" in name) | {"UTC"}
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
EXPECTED = gettext_lazy(
    "Give a date such as 2027-05-01, or an instant with its zone such as 2027-05-01T20:00:00Z or "
    "2027-05-01T20:00:00+02:00 (in a URL, write + as %2B), from 1900 to 2200."
)


EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)


class Bound(NamedTuple):
    """An instant in UTC, and whether it is part of the period."""

    instant: datetime
    is_included: bool

    def is_before(self, start: "Bound") -> bool:
        """Tell whether the period from `start` up to this end is empty."""
        return self.instant < start.instant or (self.instant == start.instant and not self.is_included)


def start_of(text: str, time_zone: str) -> Bound:
    """Return the start of a date or an instant; raise ValueError, with a message for people, for other text."""
    try:
        if is_day(text):
            return Bound(_midnight(_day_in(text), time_zone), is_included=True)
        return Bound(_instant_in(text), is_included=True)
    except (ValueError, OverflowError) as error:
        raise ValueError(str(EXPECTED)) from error


def end_of(text: str, time_zone: str) -> Bound:
    """Return the end of a date or an instant (a day ends when the next begins); raise ValueError like start_of."""
    try:
        if is_day(text):
            return Bound(_midnight(_day_in(text) + timedelta(days=1), time_zone), is_included=False)
        return Bound(_instant_in(text), is_included=True)
    except (ValueError, OverflowError) as error:
        raise ValueError(str(EXPECTED)) from error


def is_day(text: str) -> bool:
    return bool(DATE.fullmatch(text))


def _day_in(text: str) -> date:
    day = date.fromisoformat(text)
    if not EARLIEST.year <= day.year < LATEST.year:
        raise ValueError("out of range")
    return day


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def _instant_in(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no zone")
    if not EARLIEST <= instant < LATEST:
        raise ValueError("out of range")
    return instant.astimezone(UTC)
