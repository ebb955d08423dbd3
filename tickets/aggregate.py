"""Let `manage.py verify_log` compare the tickets' table with their events."""

from collections.abc import Mapping

import msgspec
from django.db.models import QuerySet

from events.aggregates import Aggregate
from events.event import Event
from events.exceptions import Unprocessable
from tickets.events import TicketCanceled, TicketCorrected, TicketEvent
from tickets.models import Ticket


class TicketAggregate(Aggregate[Ticket]):
    def rows(self) -> QuerySet[Ticket]:
        return Ticket.objects.select_related("replacement")

    def state_of(self, row: Ticket) -> Mapping[str, object]:
        return self.state_in(self.correction(row))

    def state_in(self, event: Event) -> Mapping[str, object]:
        if not isinstance(event, TicketEvent):
            raise Unprocessable(f"{type(event).__name__} does not carry the state of a ticket")
        named = event.new_ticket_id if isinstance(event, TicketCanceled | TicketCorrected) else None
        return msgspec.structs.asdict(event.ticket) | {"new_ticket_id": named}

    def correction(self, row: Ticket) -> TicketCorrected:
        replacement = getattr(row, "replacement", None)
        return TicketCorrected(ticket=row.state(), new_ticket_id=replacement and replacement.id)
