"""Times at a venue: local times become instants, and instants are written as local times; pure."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

MINUTE = timedelta(minutes=1)
WITH_MINUTES = re.compile(r"[Tt ]\s*(?:\d\d?:\d\d|\d{4})(?![.,])")
"""Python reads 2027-05-01 as midnight, and 20.30 as 20 hours and 0.3 seconds."""
INCOMPLETE = gettext_lazy("Write the hours and the minutes of this time, for example 2027-05-01T20:00.")


class NoSuchTime(Exception):
    """The clocks at the venue skip this local time, or show it twice."""


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the zones. Those without a slash are abbreviations and other exceptions."""
    return frozenset(name for name in available_timezones() if "/" in name) | {"UTC"}


def instant_of(local: datetime, time_zone: str) -> datetime:
    """Return the instant of a time without an offset; raise NoSuchTime, or OverflowError at the calendar's ends."""
    first, second = (local.replace(tzinfo=ZoneInfo(time_zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(first.tzinfo).replace(tzinfo=None) != local:
        skipped = _("The clocks in %(zone)s are put forward and skip this time; write another one.")
        raise NoSuchTime(skipped % {"zone": time_zone})
    twice = _("The clocks in %(zone)s are put back and show this time twice; write %(first)s or %(second)s.")
    raise NoSuchTime(twice % {"zone": time_zone, "first": first.isoformat(), "second": second.isoformat()})


def beginnings_of(day: date) -> Mapping[datetime, list[str]]:
    """Return the instants at which the day begins somewhere, each with its time zones."""
    zones = defaultdict(list)
    for name in sorted(time_zones()):
        zones[datetime.combine(day, time.min, _zone(name)).astimezone(UTC)].append(name)
    return zones


@cache
def _zone(name: str) -> ZoneInfo:
    """Return the zone. ZoneInfo itself remembers only a few of them."""
    return ZoneInfo(name)


def is_complete(text: str) -> bool:
    """Tell whether a time in ISO 8601 has hours and minutes, in ASCII: Python reads digits of all scripts."""
    return text.isascii() and bool(WITH_MINUTES.search(text))


def at_venue(instant: datetime, time_zone: str) -> datetime:
    """Return the instant as a local time; in UTC if the zone is unknown here, or the calendar ends before."""
    try:
        local = instant.astimezone(ZoneInfo(time_zone))
        return local if _has_whole_minutes(local) else local.astimezone(_rounded_zone_of(local))
    except (LookupError, ValueError, OSError, OverflowError):
        return instant.astimezone(UTC)


def zone_in_words(local: datetime) -> str:
    offset = _offset_in_words(local)
    name = local.tzname() or ""
    return f"{name} ({offset})" if name.isalpha() and name != "UTC" else offset


def _offset_in_words(local: datetime) -> str:
    minutes = round((local.utcoffset() or timedelta()) / MINUTE)
    hours, minutes, sign = abs(minutes) // 60, abs(minutes) % 60, "+" if minutes > 0 else "−"
    return f"UTC{sign}{hours}{f':{minutes:02}' if minutes else ''}" if hours or minutes else "UTC"


def _has_whole_minutes(local: datetime) -> bool:
    return not (local.utcoffset() or timedelta()) % MINUTE


def _rounded_zone_of(local: datetime) -> timezone:
    """Return a zone without the seconds that offsets had before 1930 or so: JSON and ISO 8601 have none."""
    return timezone(round((local.utcoffset() or timedelta()) / MINUTE) * MINUTE, local.tzname() or "")
