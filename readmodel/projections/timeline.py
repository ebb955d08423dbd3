"""Project events of tickets to the timeline: a document for each event, by the event's id; pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from events.envelope import Envelope
from events.exceptions import UnknownEventVersion, Unprocessable
from readmodel.projections.tickets import VERSION_STEP, Projected, VersionedDocument, open_envelope
from tickets.events import TicketCanceled, TicketCorrected, TicketEvent


class TimelineDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a ticket: when, through whom, and what it was after that."""

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


def project(batch: Sequence[Envelope]) -> Projected:
    """Project each event."""
    projected = Projected([], {})
    for envelope in batch:
        try:
            document = document_of(envelope)
        except (Unprocessable, UnknownEventVersion) as error:
            projected.failures[envelope.id] = error
        else:
            version = envelope.aggregate_version * VERSION_STEP
            projected.documents.append(VersionedDocument(str(envelope.id), version, document, envelope.id))
    return projected


def document_of(envelope: Envelope) -> TimelineDocument:
    event = open_envelope(envelope)
    if not isinstance(event, TicketEvent):
        raise Unprocessable(f"{envelope.type} tells of no ticket")
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
        replaced_by=event.new_ticket_id if isinstance(event, TicketCanceled | TicketCorrected) else None,
    )
