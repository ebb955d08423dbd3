"""Issue tickets for tests, and read their events and rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from events.event import type_of
from events.models import LogEntry
from tickets.events import TICKET_EVENTS
from tickets.models import Ticket

CLASSES = {type_of(event).name: event for event in TICKET_EVENTS}
FIELDS = {
    "title": "Ночь музеев",
    "venue": "Großer Saal",
    "starts_at": datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
    "seat": "Row 3, Seat 14",
    "holder_name": "José Núñez",
    "holder_email": "jose@example.org",
    "price": Decimal("25.00"),
    "currency": "EUR",
}


def issue(**changes: Any) -> Ticket:
    return Ticket.issue(**{**FIELDS, **changes})


def recorded() -> list[Any]:
    """Return all events of the log as typed events, in the order of their recording."""
    entries = LogEntry.objects.order_by("id").values_list("type", "data")
    return [msgspec.json.decode(data, type=CLASSES[name]) for name, data in entries]


def rows() -> list[tuple[Any, ...]]:
    """Return the whole table, to check that nothing changed."""
    return list(Ticket.objects.order_by("id").values_list())
