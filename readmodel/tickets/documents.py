"""Project events of tickets to documents, one for each ticket.

In:   events of tickets.
Out:  a document with the newest state of each ticket.
Next: readmodel/index/documents.py
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from events.envelope import Envelope
from readmodel.projection import Projection
from readmodel.search.words import letters_of, searchable
from readmodel.tickets.fields import DATE, DAY, KEYWORD, LONG, SHOWN, TEXT
from tickets.events import TICKET_EVENTS, TicketEvent, TicketState
from tickets.values.venue_time import at_venue

COMPOSED = ("title", "venue", "holder_name")


class TicketDocument(TicketState, frozen=True, kw_only=True):
    """A ticket's own fields, and fields that only the read model needs; `starts_at` is the local time at the venue."""

    starts_on: date
    """The day at the venue."""
    replaced_by: UUID | None = None
    folded_code: Sequence[str]
    """The code as it is searched. The folded fields are searched instead of the others, and never shown."""
    folded_whole_code: str
    """The code without case, spaces and hyphens."""
    folded_title: Sequence[str]
    folded_venue: Sequence[str]
    folded_seat: Sequence[str]
    folded_holder_name: Sequence[str]
    folded_holder_email: Sequence[str]


class TicketDocuments(Projection):
    """A document for each ticket: its newest state."""

    name = "tickets"
    revision = 3
    handles = TICKET_EVENTS
    # A test compares the names with the fields of TicketDocument.
    mapping = {
        "id": KEYWORD,
        "code": KEYWORD,
        "title": KEYWORD,
        "venue": KEYWORD,
        "starts_at": DATE,
        "starts_on": DAY,
        "time_zone": SHOWN,
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
        "folded_whole_code": KEYWORD,
        "folded_title": TEXT,
        "folded_venue": TEXT,
        "folded_seat": TEXT,
        "folded_holder_name": TEXT,
        "folded_holder_email": TEXT,
    }

    def document(self, event: TicketEvent, envelope: Envelope) -> TicketDocument:  # noqa: ARG002 (Projection's signature)
        return document_of(event.ticket, replaced_by=replacement_in(event))


def document_of(ticket: TicketState, replaced_by: UUID | None = None) -> TicketDocument:
    shown = msgspec.structs.asdict(ticket)
    local = at_venue(ticket.starts_at, ticket.time_zone)
    return TicketDocument(
        **shown | {name: composed(shown[name]) for name in COMPOSED} | {"starts_at": local},
        starts_on=local.date(),
        replaced_by=replaced_by,
        folded_code=searchable(ticket.code),
        folded_whole_code=letters_of(ticket.code),
        folded_title=searchable(ticket.title),
        folded_venue=searchable(ticket.venue),
        folded_seat=searchable(ticket.seat),
        folded_holder_name=searchable(ticket.holder_name),
        folded_holder_email=_as_typed(ticket.holder_email),
    )


def composed(text: str) -> str:
    """Return the text in the form in which equal texts are one (NFC); earlier releases recorded texts in any form."""
    return unicodedata.normalize("NFC", text)


def _as_typed(address: str) -> Sequence[str]:
    """Return what is indexed of an e-mail address: it is found by its beginning, but not by its domain alone."""
    return [letters_of(address.partition("@")[0]), letters_of(address)]


def replacement_in(event: TicketEvent) -> UUID | None:
    """Return the id of the replacement that the event names, or None."""
    return getattr(event, "new_ticket_id", None)
