"""Project events of tickets to documents, one for each ticket.

In:   events of tickets.
Out:  a document with the newest state of each ticket.
Next: readmodel/index/documents.py
"""

from uuid import UUID

import msgspec

from events.envelope import Envelope
from readmodel.projection import Projection
from readmodel.search.folding import fold
from readmodel.tickets.fields import DATE, KEYWORD, LONG, SHOWN, TEXT
from tickets.events import TicketCanceled, TicketCheckedIn, TicketCorrected, TicketEvent, TicketIssued, TicketState


class TicketDocument(TicketState, frozen=True, kw_only=True):
    """A ticket's own fields, and fields that only the read model needs."""

    replaced_by: UUID | None = None
    folded_code: str
    """The code without case and accents. The folded fields are searched instead of the others, and never shown."""
    folded_title: str
    folded_venue: str
    folded_holder_name: str


class TicketDocuments(Projection):
    """A document for each ticket: its newest state."""

    name = "tickets"
    revision = 2
    handles = (TicketIssued, TicketCheckedIn, TicketCanceled, TicketCorrected)
    # A test compares the names with the fields of TicketDocument.
    mapping = {
        "id": KEYWORD,
        "code": KEYWORD,
        "title": KEYWORD,
        "venue": KEYWORD,
        "starts_at": DATE,
        "seat": SHOWN,
        "holder_name": KEYWORD,
        "holder_email": SHOWN,
        "price": {"type": "double"},
        "currency": KEYWORD,
        "status": KEYWORD,
        "replaces": KEYWORD,
        "version": LONG,
        "created_at": DATE,
        "updated_at": SHOWN,
        "replaced_by": KEYWORD,
        "folded_code": TEXT,
        "folded_title": TEXT,
        "folded_venue": TEXT,
        "folded_holder_name": TEXT,
    }

    def document(self, event: TicketEvent, envelope: Envelope) -> TicketDocument:  # noqa: ARG002 (Projection's signature)
        return document_of(event.ticket, replaced_by=replacement_in(event))


def document_of(ticket: TicketState, replaced_by: UUID | None = None) -> TicketDocument:
    return TicketDocument(
        **msgspec.structs.asdict(ticket),
        replaced_by=replaced_by,
        folded_code=fold(ticket.code),
        folded_title=fold(ticket.title),
        folded_venue=fold(ticket.venue),
        folded_holder_name=fold(ticket.holder_name),
    )


def replacement_in(event: TicketEvent) -> UUID | None:
    """Return the id of the replacement that the event names, or None."""
    return event.new_ticket_id if isinstance(event, TicketCanceled | TicketCorrected) else None
