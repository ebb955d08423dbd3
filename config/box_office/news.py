"""What others have done to a ticket since a person looked at it."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from events.consistency_token import Newest, token_naming
from events.models import LogEntry
from tickets.models import Ticket


class News(msgspec.Struct, frozen=True):
    """An event that the person has not seen."""

    type: str
    actor: str
    time: datetime
    reason: str


class _Payload(msgspec.Struct):
    reason: str = ""


def news_of(ticket: Ticket, *, since: int) -> list[News]:
    """Return the events after the version, the oldest first."""
    unseen = _events_of(ticket.id).filter(aggregate_version__gt=since).order_by("aggregate_version")
    return [
        News(kind, actor, time, msgspec.json.decode(data, type=_Payload).reason)
        for kind, actor, time, data in unseen.values_list("type", "actor", "time", "data")
    ]


def token_of_state(ticket: Ticket) -> str:
    """Return the consistency token of the ticket's current version, by which a page waits for the read model."""
    event = _events_of(ticket.id).filter(aggregate_version=ticket.version).values_list("type", flat=True).first()
    return token_naming([Newest(event, str(ticket.id), ticket.version)]) if event else ""


def token_of_newest(ticket_id: UUID) -> str:
    """Return the consistency token of the ticket's newest event, "" if it has none."""
    events = _events_of(ticket_id).order_by("-aggregate_version").values_list("type", "subject", "aggregate_version")
    newest = events.first()
    return token_naming([Newest(*newest)]) if newest else ""


def _events_of(ticket_id: UUID) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(aggregate_type="ticket", subject=str(ticket_id))
