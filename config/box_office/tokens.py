"""The consistency tokens of a ticket, by which its page waits for the read model."""

from uuid import UUID

from django.db.models import QuerySet

from events.consistency_token import Newest, token_naming
from events.models import LogEntry
from tickets.models import Ticket


def token_of_state(ticket: Ticket) -> str:
    """Return the token of the ticket's current version, "" if the log has no such event."""
    return _token(_events_of(ticket.id).filter(aggregate_version=ticket.version))


def token_of_newest(ticket_id: UUID) -> str:
    """Return the token of the ticket's newest event, "" if it has none."""
    return _token(_events_of(ticket_id))


def _token(events: QuerySet[LogEntry]) -> str:
    newest = events.order_by("-aggregate_version").values_list("type", "subject", "aggregate_version").first()
    return token_naming([Newest(*newest)]) if newest else ""


def _events_of(ticket_id: UUID) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(aggregate_type="ticket", subject=str(ticket_id))
