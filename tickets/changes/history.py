"""A ticket's history as its events tell it: the timeline, who was faster, and the chain of replacements."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from events.models import LogEntry
from tickets.models import Ticket
from tickets.values.venue_time import at_venue
from tickets.values.written import moment

LONGEST_CHAIN = 20
SHOWN_HAPPENINGS = 100
OF_EVERY_EVENT = {"version", "updated_at", "created_at"}
KINDS = {
    "ticket.issued": _("issued"),
    "ticket.updated": _("corrected"),
    "ticket.checked_in": _("checked in"),
    "ticket.check_in_undone": _("check-in undone"),
    "ticket.canceled": _("canceled"),
    "ticket.reinstated": _("reinstated"),
    "ticket.corrected": _("made equal to its events"),
    "ticket.redacted": _("personal data removed"),
}


class Happening(NamedTuple):
    """An event of a ticket, for a person: what happened, who did it and why, and which fields it changed."""

    event: LogEntry
    what: Any
    when: str
    """At the venue, as all times of the ticket."""
    actor: str
    reason: str
    fields: list[tuple[Any, Any, Any]]
    """The name of each field with its value before and after."""


def timeline(ticket: Ticket) -> list[Happening]:
    """Return what has happened to the ticket, the newest first."""
    return list(reversed(list(_happenings(ticket, from_version=0))))[:SHOWN_HAPPENINGS]


def happenings_since(ticket: Ticket, version: int) -> list[Happening]:
    """Return what others have changed since a person saw this version."""
    return [each for each in _happenings(ticket, from_version=version) if each.event.aggregate_version > version]


def state_at(ticket: Ticket, version: int) -> Mapping[str, Any]:
    """Return the ticket's fields as they were at this version; none if the log has no such event, or no longer."""
    entry = _events_of(ticket).filter(aggregate_version=version).first()
    state: Mapping[str, Any] = msgspec.json.decode(entry.data).get("ticket", {}) if entry else {}
    return state


def _events_of(ticket: Ticket) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(aggregate_type="ticket", subject=str(ticket.id))


def _happenings(ticket: Ticket, *, from_version: int) -> Iterator[Happening]:
    before: Mapping[str, Any] = {}
    for entry in _events_of(ticket).filter(aggregate_version__gte=from_version).order_by("aggregate_version"):
        payload = msgspec.json.decode(entry.data)
        after = payload.get("ticket", {})
        changed = [(name, before[name], value) for name, value in after.items() if _is_changed(name, value, before)]
        yield Happening(
            event=entry,
            what=KINDS.get(entry.type, entry.type),
            when=moment(at_venue(entry.time, ticket.time_zone)),
            actor=entry.actor,
            reason=payload.get("reason", ""),
            fields=[(_label_of(name), old, new) for name, old, new in changed],
        )
        before = after


def _label_of(name: str) -> Any:
    return getattr(Ticket._meta.get_field(name), "verbose_name", name)


def _is_changed(name: str, value: Any, before: Mapping[str, Any]) -> bool:
    return name in before and name not in OF_EVERY_EVENT and before[name] != value


def chain(ticket: Ticket) -> list[Ticket]:
    """Return the tickets that were replaced by each other up to this one and after it, the oldest first."""
    earlier: list[Ticket] = []
    later: list[Ticket] = []
    current: Ticket | None = ticket
    while (current := current.replaces if current else None) and len(earlier) < LONGEST_CHAIN:
        earlier.append(current)
    current = ticket
    while (current := Ticket.objects.filter(replaces=current).first()) and len(later) < LONGEST_CHAIN:
        later.append(current)
    return [*reversed(earlier), ticket, *later] if earlier or later else []
