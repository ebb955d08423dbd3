"""Insert and lock tickets in bulk, with few statements."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.exceptions import ConcurrentChange, DeletionRefused
from tickets.values.codes import key_of, unused_codes

if TYPE_CHECKING:
    from tickets.models import Ticket


def taken_code(code: str) -> str:
    return _("A ticket with the code %(code)s already exists.") % {"code": code}


def _changed_meanwhile(ticket: "Ticket") -> ConcurrentChange:
    facts = {"code": ticket.code, "version": ticket.version, "why": ConcurrentChange.in_general()}
    return ConcurrentChange(_("ticket %(code)s, version %(version)s: %(why)s") % facts)


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Write tickets without recording events; only methods of Ticket, which record them, call these methods."""

    def insert(self, tickets: Sequence["Ticket"]) -> None:
        """Insert valid tickets, with new codes where none is set; raise ValidationError if a code is taken."""
        now = timezone.now()
        for ticket in tickets:
            ticket.created_at = ticket.updated_at = now
        chosen = [ticket.code for ticket in tickets if ticket.code]
        self._give_codes(tickets)
        if not chosen:
            self.bulk_create(tickets)
            return
        try:
            with transaction.atomic(using=self.db):
                self.bulk_create(tickets)
        except IntegrityError:  # Somebody has issued a ticket with one of these codes at the same moment.
            self.refuse_taken(chosen)
            raise

    def lock(self, tickets: Sequence["Ticket"]) -> list["Ticket"]:
        """Lock and return the tickets' rows; raise ConcurrentChange if a row's version differs from its ticket's.

        Rows are locked in the order of their ids, so that two bulk changes of the same tickets do not deadlock.
        """
        rows = self.select_for_update(no_key=True).order_by("id").in_bulk([ticket.id for ticket in tickets])
        for ticket in tickets:
            if ticket.id not in rows or rows[ticket.id].version != ticket.version:
                raise _changed_meanwhile(ticket)
        return [rows[ticket.id] for ticket in tickets]

    def delete(self) -> NoReturn:
        raise DeletionRefused

    def with_code(self, text: str) -> "TicketQuerySet":
        """Filter the ticket with this code: in any case, with or without spaces and hyphens.

        Tickets of an early release may have codes that differ in nothing else; then all of these are found.
        """
        key = key_of(text)
        return self.filter(code_key=key) if key else self.none()

    def refuse_taken(self, codes: Iterable[str]) -> None:
        """Raise ValidationError if a ticket has one of these codes, or if one is given twice."""
        keys = [key_of(code) for code in codes if code]
        for key, count in Counter(keys).items():
            if count > 1:
                raise ValidationError(
                    {"code": _("The code %(code)s is given to %(number)s tickets.") % {"code": key, "number": count}}
                )
        if taken := self.filter(code_key__in=keys).first():
            raise ValidationError({"code": taken_code(taken.code)})

    def _give_codes(self, tickets: Sequence["Ticket"]) -> None:
        self.refuse_taken(ticket.code for ticket in tickets)
        given = {key_of(ticket.code) for ticket in tickets}
        unused = unused_codes(
            sum(not ticket.code for ticket in tickets), lambda proposed: given | self._taken_among(proposed)
        )
        for ticket in tickets:
            ticket.code = ticket.code or unused.pop()

    def _taken_among(self, keys: set[str]) -> set[str]:
        return set(self.filter(code_key__in=keys).values_list("code_key", flat=True))
