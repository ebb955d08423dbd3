"""A show is what takes place at a venue at a time: days at the venue, and what is odd about a ticket for it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.models.details import Status
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import beginnings_of

if TYPE_CHECKING:
    from tickets.models.ticket import Ticket

A_DAY = timedelta(days=1)


def is_from(day: date) -> Q:
    """Return the condition for tickets of shows on this day at their venue, or later."""
    return _compared("gte", day)


def is_to(day: date) -> Q:
    """Return the condition for tickets of shows on this day at their venue, or earlier."""
    return _compared("lt", day + A_DAY)


def _compared(how: str, day: date) -> Q:
    """Compare with the beginning of the day at each ticket's venue, and first with the earliest or latest of these."""
    beginnings = beginnings_of(day)
    outermost = min(beginnings) if how == "gte" else max(beginnings)
    at_venue = (Q(**{f"starts_at__{how}": start}, time_zone__in=_stored(names)) for start, names in beginnings.items())
    return Q(**{f"starts_at__{how}": outermost}) & reduce(or_, at_venue)


def _stored(time_zones: list[str]) -> list[str]:
    """Add how the zone of tickets from before there were zones is stored, if it is one of these."""
    return [*time_zones, ""] if default_time_zone() in time_zones else time_zones


def oddities(ticket: "Ticket", others: Any) -> Iterator[str]:
    """Yield what a person should confirm before this ticket is issued or changed; `others` are all other tickets."""
    starts_at: datetime | None = ticket.starts_at
    if starts_at and starts_at < timezone.now():
        yield _("The show has begun already, or is over.")
    if starts_at and ticket.seat:
        taken = others.filter(venue=ticket.venue, starts_at=starts_at, seat__iexact=ticket.seat)
        for twin in taken.exclude(status=Status.CANCELED)[:1]:
            yield _("Seat %(seat)s is sold for this show already, with ticket %(code)s.") % {
                "seat": ticket.seat,
                "code": twin.code,
            }
