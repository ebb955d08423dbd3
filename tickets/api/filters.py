"""Filter the list of tickets by the parameters of ListParameters."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Left, Upper

from tickets.models import shows
from tickets.models.queries import TicketQuerySet

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
    return tickets.filter(Q(starts_at__gte=start) if isinstance(start, datetime) else shows.is_from(start))


def _starting_to(tickets: TicketQuerySet, end: date | datetime) -> TicketQuerySet:
    return tickets.filter(Q(starts_at__lte=end) if isinstance(end, datetime) else shows.is_to(end))


FILTERS: Mapping[str, Filter] = {
    "status": _with_status,
    "venue": _of_venue,
    "starts_from": _starting_from,
    "starts_to": _starting_to,
    "holder_email": _of_holder,
    "currency": _in_currency,
    "code": _with_code,
}
