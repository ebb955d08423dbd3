"""Make tickets and their events for tests of the read model, without the database."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from events.envelope import Envelope
from events.event import Event
from events.recording.collector import Collector
from readmodel.projection import VersionedDocument
from readmodel.tickets.documents import TicketDocuments
from tickets.events import TicketIssued, TicketState

NAMESPACE = UUID("6f1c3b58-8a5f-4a63-9d0e-0b1c2d3e4f50")
SOME_DAY = datetime(2027, 5, 1, 20, 0, tzinfo=UTC)


def ticket_id(number: int) -> UUID:
    return uuid5(NAMESPACE, str(number))


def ticket(number: int = 1, **fields: Any) -> TicketState:
    defaults = {
        "id": ticket_id(number),
        "code": f"CODE{number}",
        "title": "Kafka Night",
        "venue": "Arena Berlin",
        "starts_at": SOME_DAY,
        "time_zone": "UTC",
        "seat": "A 1",
        "holder_name": "Ada Lovelace",
        "holder_email": "ada@example.org",
        "price": Decimal("12.50"),
        "currency": "EUR",
        "status": "issued",
        "replaces": None,
        "version": 1,
        "created_at": SOME_DAY,
        "updated_at": SOME_DAY,
    }
    return TicketState(**(defaults | fields))


def envelope_of(event: Event, **attributes: Any) -> Envelope:
    envelope = Collector(correlation_id="test").envelop(event)
    return Envelope(**{name: getattr(envelope, name) for name in envelope.__struct_fields__} | attributes)


def document(number: int = 1, **fields: Any) -> VersionedDocument:
    [document] = TicketDocuments().project([envelope_of(TicketIssued(ticket=ticket(number, **fields)))]).documents
    return document
