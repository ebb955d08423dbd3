"""Read any number of tickets, a batch at a time, and the columns that a file has of each; the import reads them too."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from tickets.models import Ticket
from tickets.values.venue_time import at_venue

BATCH = 1_000

type Cell = str | Decimal | datetime


def _starts_at(ticket: Ticket) -> datetime:
    return at_venue(ticket.starts_at, ticket.time_zone)


def _named(name: str) -> Callable[[Ticket], Any]:
    return lambda ticket: getattr(ticket, name)


COLUMNS: Mapping[str, Callable[[Ticket], Cell]] = {
    "code": _named("code"),
    "title": _named("title"),
    "venue": _named("venue"),
    "starts_at": _starts_at,
    "time_zone": _named("time_zone"),
    "seat": _named("seat"),
    "holder_name": _named("holder_name"),
    "holder_email": _named("holder_email"),
    "price": _named("price"),
    "currency": _named("currency"),
    "status": _named("status"),
}


def batches_of(tickets: QuerySet[Ticket]) -> Iterator[list[Ticket]]:
    """Yield the tickets in the order of their ids; each batch is a query of its own, and no cursor stays open."""
    rows = tickets.order_by("id")
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(id__gt=batch[-1].id)[:BATCH])


def cells_of(ticket: Ticket) -> list[Cell]:
    return [read(ticket) for read in COLUMNS.values()]
