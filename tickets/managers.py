"""Insert and lock tickets in bulk, with few statements."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from tickets.codes import unused_codes
from tickets.exceptions import ConcurrentChange, DeletionRefused

if TYPE_CHECKING:
    from tickets.models import Ticket


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Write tickets without recording events; only methods of Ticket, which record them, call these methods."""

    def insert(self, tickets: Sequence["Ticket"]) -> None:
        """Insert valid tickets, with new codes where none is set; raise ValidationError if a code is taken."""
        now = timezone.now()
        for ticket in tickets:
            ticket.created_at = ticket.updated_at = now
        self._give_codes(tickets)
        self.bulk_create(tickets)

    def lock(self, tickets: Sequence["Ticket"]) -> list["Ticket"]:
        """Lock and return the tickets' rows; raise ConcurrentChange if a row's version differs from its ticket's.

        Rows are locked in the order of their ids, so that two bulk changes of the same tickets do not deadlock.
        """
        rows = self.select_for_update(no_key=True).order_by("id").in_bulk([ticket.id for ticket in tickets])
        for ticket in tickets:
            if ticket.id not in rows or rows[ticket.id].version != ticket.version:
                raise ConcurrentChange(f"ticket {ticket.code}, version {ticket.version}: {ConcurrentChange.__doc__}")
        return [rows[ticket.id] for ticket in tickets]

    def delete(self) -> NoReturn:
        raise DeletionRefused

    def _give_codes(self, tickets: Sequence["Ticket"]) -> None:
        taken = self._taken_among({ticket.code for ticket in tickets if ticket.code})
        unused = unused_codes(sum(not ticket.code for ticket in tickets), self._taken_among)
        for ticket in tickets:
            if ticket.code in taken:
                raise ValidationError({"code": f"A ticket with the code {ticket.code} already exists."})
            ticket.code = ticket.code or unused.pop()
            taken.add(ticket.code)

    def _taken_among(self, codes: set[str]) -> set[str]:
        return set(self.filter(code__in=codes).values_list("code", flat=True))
