"""A changed projection of the tickets, for preview.py."""

from typing import Any

import msgspec

from events.envelope import Envelope
from readmodel.tickets.documents import TicketDocuments
from tickets.events import TicketEvent

EVERY = 10


class Capitals(TicketDocuments):
    """Writes the titles of every tenth ticket in capitals."""

    revision = TicketDocuments.revision + 1

    def document(self, event: TicketEvent, envelope: Envelope) -> Any:
        document = super().document(event, envelope)
        if event.ticket.id.int % EVERY:
            return document
        return msgspec.structs.replace(document, title=document.title.upper())
