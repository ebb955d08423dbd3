"""The bodies of the webhooks: ids, versions and times, and nothing about the holder."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from events.envelope import Envelope
from events.event import name_of
from tickets.events import (
    TicketCanceled,
    TicketCheckedIn,
    TicketCheckInUndone,
    TicketCorrected,
    TicketEvent,
    TicketIssued,
    TicketReinstated,
    TicketUpdated,
)

TEST_TYPE = "test"
EVENTS_OF: Mapping[str, Sequence[type[TicketEvent]]] = {
    "ticket.canceled": (TicketCanceled, TicketCorrected),
    "ticket.reinstated": (TicketReinstated, TicketCorrected),
    "ticket.issued": (TicketIssued,),
    "ticket.updated": (TicketUpdated,),
    "ticket.checked_in": (TicketCheckedIn,),
    "ticket.check_in_undone": (TicketCheckInUndone,),
}
"""The events of which each type of message may tell."""


class Message(NamedTuple):
    type: str
    ticket_id: UUID
    body: bytes


def message_of(envelope: Envelope) -> Message | None:
    """Return the message about the event, None if it is of a class that no message tells of; raise Unprocessable."""
    event = envelope.open()
    if not isinstance(event, TicketEvent):
        return None
    kind = _type_of(event, envelope.type)
    data = {
        "ticketId": event.ticket.id,
        **({"newTicketId": getattr(event, "new_ticket_id", None)} if kind == "ticket.canceled" else {}),
        "version": event.aggregate_version,
        "eventId": envelope.id,
        "occurredAt": envelope.time.isoformat(),
    }
    return Message(kind, event.ticket.id, _encode(kind, envelope.time, data))


def test_message(now: datetime) -> bytes:
    """Return a message that tells of no ticket, by which an operator tries whether a receiver takes any."""
    return _encode(TEST_TYPE, now, {})


def event_names(types: Collection[str]) -> frozenset[str]:
    """Return the names of the events that may give a message of one of these types."""
    return frozenset(name_of(event) for kind in types for event in EVENTS_OF.get(kind, ()))


def _type_of(event: TicketEvent, name: str) -> str:
    """Return the message's type: a correction tells whether the ticket is valid, whatever was told before."""
    if isinstance(event, TicketCorrected):
        return "ticket.canceled" if event.ticket.status == "canceled" else "ticket.reinstated"
    return name


def _encode(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "timestamp": at.isoformat(), "data": data})
