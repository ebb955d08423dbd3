"""Project events of tickets to documents; pure.

In:   the envelopes of a batch.
Out:  one document per ticket, with its version.
Next: readmodel/index/document_index.py
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from events.envelope import Envelope
from events.event import Event
from events.exceptions import UnknownEventVersion, Unprocessable
from readmodel.projections.folding import fold
from tickets.events import (
    TicketCanceled,
    TicketCheckedIn,
    TicketCorrected,
    TicketEvent,
    TicketIssued,
    TicketState,
)

# Room between two events for a repair, which must not overtake the next event.
VERSION_STEP = 65_536


class TicketDocument(TicketState, frozen=True, kw_only=True):
    """A ticket as it is searched: its own fields, and what only the read model needs."""

    replaced_by: UUID | None = None
    folded_code: str
    """Searched in place of the code, without case and accents; never shown, as those that follow."""
    folded_title: str
    folded_venue: str
    folded_holder_name: str


class VersionedDocument(msgspec.Struct, frozen=True):
    """A document with its id and its external version: of two states the higher version stays."""

    id: str
    version: int
    source: msgspec.Struct
    event: UUID
    """The event that tells this state."""


class Projected(NamedTuple):
    """What a batch comes to: the newest state of each ticket, and why events could not be read, by their ids."""

    documents: list[VersionedDocument]
    failures: dict[UUID, Exception]


def ticket_as_it_is(event: TicketEvent) -> TicketDocument:
    return document_of(event.ticket)


def ticket_with_replacement(event: TicketCanceled | TicketCorrected) -> TicketDocument:
    return document_of(event.ticket, replaced_by=event.new_ticket_id)


def document_of(ticket: TicketState, replaced_by: UUID | None = None) -> TicketDocument:
    return TicketDocument(
        **msgspec.structs.asdict(ticket),
        replaced_by=replaced_by,
        folded_code=fold(ticket.code),
        folded_title=fold(ticket.title),
        folded_venue=fold(ticket.venue),
        folded_holder_name=fold(ticket.holder_name),
    )


# An event that is not here changes no document: the subscriber is not given it.
PROJECTIONS: Mapping[type[Event], Callable[[Any], TicketDocument]] = {
    TicketIssued: ticket_as_it_is,
    TicketCheckedIn: ticket_as_it_is,
    TicketCanceled: ticket_with_replacement,
    TicketCorrected: ticket_with_replacement,
}


def project(batch: Sequence[Envelope]) -> Projected:
    """Project the newest event of each ticket; what it replaces is not even read."""
    newest: dict[str, Envelope] = {}
    for envelope in batch:
        known = newest.get(envelope.subject)
        if known is None or known.aggregate_version <= envelope.aggregate_version:
            newest[envelope.subject] = envelope
    projected = Projected([], {})
    for envelope in newest.values():
        try:
            projected.documents.append(versioned_document(envelope))
        except (Unprocessable, UnknownEventVersion) as error:
            projected.failures[envelope.id] = error
    return projected


def versioned_document(envelope: Envelope) -> VersionedDocument:
    """Return the state that the event tells; raise Unprocessable or UnknownEventVersion if it can't be read."""
    event = open_envelope(envelope)
    version = envelope.aggregate_version * VERSION_STEP
    return VersionedDocument(envelope.subject, version, PROJECTIONS[type(event)](event), envelope.id)


def open_envelope(envelope: Envelope) -> Event:
    """Return the typed event; one whose data tell of another aggregate, or version, than its envelope is refused."""
    event = envelope.open()
    if (event.subject, event.aggregate_version) != (envelope.subject, envelope.aggregate_version):
        raise Unprocessable(
            f"event {envelope.id} is addressed to {envelope.subject} version {envelope.aggregate_version}, "
            f"but its data are of {event.subject} version {event.aggregate_version}"
        )
    return event
