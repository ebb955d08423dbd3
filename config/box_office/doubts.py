"""What a person should confirm before a ticket is changed: it is allowed, but seldom meant."""

from datetime import timedelta

from django.utils import timezone

from tickets.models import Ticket
from tickets.models.shows import oddities

LONG_AFTER = timedelta(hours=12)
"""Nobody goes into a show that began so long ago; many come a little late."""


def doubts_about(ticket: Ticket, seat: str = "") -> list[str]:
    """Return a sentence for each doubt; `seat` is what the ticket or its replacement newly takes."""
    others = Ticket.objects.exclude(id=ticket.id).exclude(replaces=ticket)
    return list(oddities(Ticket(**ticket.details() | {"seat": seat}), others))


def doubts_at_the_gate(ticket: Ticket) -> list[str]:
    return doubts_about(ticket) if ticket.starts_at + LONG_AFTER < timezone.now() else []
