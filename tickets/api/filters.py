"""Filter the list of tickets by the parameters of ListParameters."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Left, Upper

from tickets.models.queries import TicketQuerySet
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import beginnings_of

A_DAY = timedelta(days=1)

type Filter = Callable[[TicketQuerySet, Any], TicketQuerySet]


def filtered(tickets: TicketQuerySet, parameters: Mapping[str, Any]) -> TicketQuerySet:
    """Return the tickets to which all of the parameters apply."""
    for name, only in FILTERS.items():
        if name in parameters:
            tickets = only(tickets, parameters[name])
    return tickets


def _with_status(tickets: TicketQuerySet, status: str) -> TicketQuerySet:
    return tickets.filter(status=status)


def _of_venue(tickets: TicketQuerySet, venue: str) -> TicketQuerySet:
    return tickets.filter(venue=venue)


def _in_currency(tickets: TicketQuerySet, currency: str) -> TicketQuerySet:
    return tickets.filter(currency=currency)


def _of_holder(tickets: TicketQuerySet, address: str) -> TicketQuerySet:
    """Compare the name in the address exactly, its domain in any case; the index has addresses in upper case."""
    name = address[: address.rindex("@") + 1]
    compared = tickets.alias(in_upper_case=Upper("holder_email"), name=Left("holder_email", len(name)))
    return compared.filter(in_upper_case=Upper(Value(address)), name=name)


def _with_code(tickets: TicketQuerySet, code: str) -> TicketQuerySet:
    return tickets.with_code(code)


def _starting_from(tickets: TicketQuerySet, start: date | datetime) -> TicketQuerySet:
    return tickets.filter(Q(starts_at__gte=start) if isinstance(start, datetime) else _compared("gte", start))


def _starting_to(tickets: TicketQuerySet, end: date | datetime) -> TicketQuerySet:
    return tickets.filter(Q(starts_at__lte=end) if isinstance(end, datetime) else _compared("lt", end + A_DAY))


def _compared(how: str, day: date) -> Q:
    """Compare with the beginning of the day at each ticket's venue, and first with the earliest or latest of these."""
    beginnings = beginnings_of(day)
    outermost = min(beginnings) if how == "gte" else max(beginnings)
    at_venue = (Q(**{f"starts_at__{how}": start}, time_zone__in=_stored(names)) for start, names in beginnings.items())
    return Q(**{f"starts_at__{how}": outermost}) & reduce(or_, at_venue)


def _stored(time_zones: list[str]) -> list[str]:
    """Add how the zone of tickets from before there were zones is stored, if it is one of these."""
    return [*time_zones, ""] if default_time_zone() in time_zones else time_zones


FILTERS: Mapping[str, Filter] = {
    "status": _with_status,
    "venue": _of_venue,
    "starts_from": _starting_from,
    "starts_to": _starting_to,
    "holder_email": _of_holder,
    "currency": _in_currency,
    "code": _with_code,
}
