"""What a person should confirm before a ticket is changed: it is allowed, but seldom meant."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.models import Status, Ticket

LONG_AFTER = timedelta(hours=12)
"""Nobody goes into a show that began so long ago."""


def doubts_about(ticket: Ticket, seat: str = "", *, is_valid_afterwards: bool = True) -> list[str]:
    """Return a sentence for each doubt; `seat` is the seat that the ticket or its replacement will have."""
    return [*_past(ticket), *(_seat_taken(ticket, seat) if is_valid_afterwards and seat else ())]


def _past(ticket: Ticket) -> Iterator[str]:
    if ticket.starts_at + LONG_AFTER < timezone.now():
        yield _("This show is in the past.")


def _seat_taken(ticket: Ticket, seat: str) -> Iterator[str]:
    show = Ticket.objects.filter(title=ticket.title, venue=ticket.venue, starts_at=ticket.starts_at)
    others = show.filter(seat__iexact=seat).exclude(status=Status.CANCELED).exclude(id=ticket.id)
    taken = others.exclude(replaces=ticket).first()
    if taken:
        yield _("The seat %(seat)s is sold already: ticket %(code)s has it.") % {"seat": seat, "code": taken.code}
