"""Let `verify_log` compare the tickets' table with their events, and `forget_person` redact it."""

from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from operator import or_
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from events.aggregates import Aggregate
from events.event import Event
from events.exceptions import Unprocessable
from events.personal_data import Leftover, Person, redacted
from events.texts.spellings import spellings
from tickets.events import TicketCorrected, TicketEvent, TicketRedacted
from tickets.models import JobFile, Ticket


class TicketAggregate(Aggregate[Ticket]):
    def rows(self) -> QuerySet[Ticket]:
        return Ticket.objects.select_related("replacement")

    def state_of(self, row: Ticket) -> Mapping[str, object]:
        return self.state_in(self.correction(row))

    def state_in(self, event: Event) -> Mapping[str, object]:
        if not isinstance(event, TicketEvent):
            raise Unprocessable(f"{type(event).__name__} does not carry the state of a ticket")
        named = getattr(event, "new_ticket_id", None)
        return msgspec.structs.asdict(event.ticket) | {"new_ticket_id": named}

    def correction(self, row: Ticket) -> TicketCorrected:
        return TicketCorrected(ticket=row.state(), new_ticket_id=_replacement_of(row))

    def identity_of(self, key: str) -> str:
        """Return the e-mail address of the holder of the ticket with this id or code."""
        tickets = Ticket.objects.filter(id=key) if _is_id(key) else Ticket.objects.with_code(key)
        return tickets.values_list("holder_email", flat=True).first() or ""

    def rows_of(self, person: Person) -> QuerySet[Ticket]:
        written = [Q(holder_email__iexact=form) for form in spellings(person.identity)]
        return self.rows().filter(reduce(or_, written))

    def redact(self, row: Ticket, person: Person) -> Collection[str]:
        state = row.state()
        after = redacted(state, person, names=False)
        changed = [name for name in state.__struct_fields__ if getattr(after, name) != getattr(state, name)]
        row.__dict__ |= {name: getattr(after, name) for name in changed}
        return changed

    def redaction(self, row: Ticket) -> TicketRedacted:
        return TicketRedacted(ticket=row.state(), new_ticket_id=_replacement_of(row))

    def belongings(self, row: Ticket) -> Mapping[str, object]:
        passages = row.check_ins.order_by("at").values("at", "device", "recorded_at", "undone_at")
        return {"check_ins": list(passages)} if passages else {}

    def leftovers(self) -> Iterator[Leftover]:
        if count := JobFile.objects.count():
            yield Leftover(
                _("CSV files of imports that are not finished: %(number)s") % {"number": count},
                _("they are imported or stopped; a worker deletes one that nobody confirms for a day"),
                _("stop the job in the admin, which deletes its file"),
            )


def _replacement_of(row: Ticket) -> UUID | None:
    replacement = getattr(row, "replacement", None)
    return replacement and replacement.id


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
