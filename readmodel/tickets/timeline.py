"""Project events of tickets to the timeline, one document for each event."""

from datetime import datetime
from uuid import UUID

import msgspec

from events.envelope import Envelope
from readmodel.projection import Projection
from readmodel.tickets.documents import replacement_in
from readmodel.tickets.fields import DATE, KEYWORD, LONG, SHOWN
from tickets.events import TICKET_EVENTS, TicketCanceled, TicketCheckInUndone, TicketEvent, TicketReinstated


class TimelineDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a ticket: its time, its actor, and the ticket's state after it."""

    event: UUID
    type: str
    ticket: UUID
    version: int
    time: datetime
    actor: str
    correlation_id: str
    status: str
    replaces: UUID | None
    replaced_by: UUID | None
    reason: str


class Timeline(Projection):
    """A document for each event of a ticket, under the event's id."""

    name = "timeline"
    handles = TICKET_EVENTS
    is_per_event = True
    id_field = "event"
    subject_field = "ticket"
    mapping = {
        "event": KEYWORD,
        "type": KEYWORD,
        "ticket": KEYWORD,
        "version": LONG,
        "time": DATE,
        "actor": KEYWORD,
        "correlation_id": KEYWORD,
        "status": KEYWORD,
        "replaces": KEYWORD,
        "replaced_by": KEYWORD,
        "reason": SHOWN,
    }

    def document(self, event: TicketEvent, envelope: Envelope) -> TimelineDocument:
        return TimelineDocument(
            event=envelope.id,
            type=envelope.type,
            ticket=event.ticket.id,
            version=event.ticket.version,
            time=envelope.time,
            actor=envelope.actor,
            correlation_id=envelope.correlation_id,
            status=event.ticket.status,
            replaces=event.ticket.replaces,
            replaced_by=replacement_in(event),
            reason=_reason_in(event),
        )


def _reason_in(event: TicketEvent) -> str:
    return event.reason if isinstance(event, TicketCanceled | TicketCheckInUndone | TicketReinstated) else ""
