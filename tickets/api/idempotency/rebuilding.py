"""Make the answer of an earlier request again, from the log: an event has the ticket's state after the change.

Compaction may have dropped that event; then the ticket's newest one is left, and the answer shows the current state.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from events.consistency_token import Newest, token_naming
from events.event import aggregate_type_of, decode, type_of
from events.models import LogEntry
from tickets.events import TicketEvent, TicketIssued
from tickets.models import Ticket

AGGREGATE_TYPE = aggregate_type_of(type_of(TicketIssued).name)


class Rebuilt[Row](NamedTuple):
    """What was answered as it was, whether some of it is newer, and the consistency token of what is shown."""

    rows: Sequence[Row]
    is_newer: bool
    token: str


def rebuilt(places: Mapping[str, int]) -> Rebuilt[Ticket]:
    """Return the tickets as they were with these versions."""
    entries = _entries_at(places)
    missing = [ticket_id for ticket_id in places if ticket_id not in entries]
    entries |= _newest_of(missing)
    shown = [entries[ticket_id] for ticket_id in places]
    token = token_naming([Newest(entry.type, entry.subject, entry.aggregate_version) for entry in shown])
    return Rebuilt([_ticket_of(entry) for entry in shown], bool(missing), token)


def _entries_at(places: Mapping[str, int]) -> dict[str, LogEntry]:
    """Return the events of the tickets with these versions, as far as the log still has them."""
    found = _entries_of(places).filter(aggregate_version__in=set(places.values()))
    return {entry.subject: entry for entry in found if entry.aggregate_version == places[entry.subject]}


def _newest_of(ticket_ids: Sequence[str]) -> Mapping[str, LogEntry]:
    return (
        {entry.subject: entry for entry in _entries_of(ticket_ids).order_by("aggregate_version")} if ticket_ids else {}
    )


def _entries_of(ticket_ids: Iterable[str]) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(aggregate_type=AGGREGATE_TYPE, subject__in=list(ticket_ids))


def _ticket_of(entry: LogEntry) -> Ticket:
    """Return the ticket after the event, not read from its table."""
    event = cast("TicketEvent", decode(entry.type, entry.schema_version, entry.data))
    state = msgspec.structs.asdict(event.ticket)
    ticket = Ticket(replaces_id=state.pop("replaces"), **state)
    new_ticket_id: UUID | None = getattr(event, "new_ticket_id", None)
    ticket.remember_replacement(Ticket(id=new_ticket_id) if new_ticket_id else None)
    return ticket
