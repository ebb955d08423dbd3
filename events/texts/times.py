"""Times in texts: those that somebody has typed, and those that are shown."""

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format


def in_words(instant: datetime) -> str:
    """Write a time for a person: to the second, in the project's time zone, and in the reader's language.

    One is `Nov. 29, 2026, 12:46:37 UTC`.
    """
    local = timezone.localtime(instant)
    return f"{date_format(local, 'DATE_FORMAT')}, {local:%H:%M:%S %Z}"


def in_utc(moment: datetime) -> datetime:
    """Return a typed time in UTC, since PostgreSQL knows no offsets beyond 15:59.

    Raise ValueError at the ends of the calendar.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is beyond the calendar in UTC") from None
