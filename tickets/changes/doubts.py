"""What a person should confirm before a ticket is changed: it is allowed, but seldom meant."""

from datetime import timedelta

from django.utils import timezone

from tickets.changes.forms import ChangeForm
from tickets.models import Ticket
from tickets.models.shows import oddities

LONG_AFTER = timedelta(hours=12)
"""Nobody goes into a show that began so long ago; many come a little late."""


def none(ticket: Ticket, form: ChangeForm) -> list[str]:  # noqa: ARG001 (as all others)
    return []


def about_the_ticket(ticket: Ticket, form: ChangeForm) -> list[str]:  # noqa: ARG001
    """Return a sentence for each doubt about a ticket that becomes valid again, with its seat."""
    return _doubts(ticket, seat=ticket.seat)


def about_the_correction(ticket: Ticket, form: ChangeForm) -> list[str]:
    return _doubts(ticket, seat=form.corrections.get("seat", ""))


def about_the_replacement(ticket: Ticket, form: ChangeForm) -> list[str]:
    return _doubts(ticket, seat=form.cleaned_data["seat"])


def about_the_time(ticket: Ticket, form: ChangeForm) -> list[str]:  # noqa: ARG001
    return _doubts(ticket, seat="") if ticket.starts_at < timezone.now() - LONG_AFTER else []


def _doubts(ticket: Ticket, *, seat: str) -> list[str]:
    """`seat` is what the ticket or its replacement newly takes, "" for none."""
    others = Ticket.objects.exclude(id=ticket.id).exclude(replaces=ticket)
    return list(oddities(Ticket(**ticket.details() | {"seat": seat}), others))
