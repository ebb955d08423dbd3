"""Look up a ticket by its code or id in the database, for when the search does not answer or is behind."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from readmodel.tickets.pages.decorators import page
from tickets.models import Ticket

MAX_CODE_LENGTH = 50


@page
def lookup(request: HttpRequest) -> HttpResponse:
    """Show the ticket as the database has it now."""
    asked = request.GET.get("code", "").strip()[:MAX_CODE_LENGTH].replace("\0", "")
    return render(request, "config/lookup.html", {"asked": asked, "ticket": _find_ticket(asked) if asked else None})


def _find_ticket(asked: str) -> Ticket | None:
    tickets = Ticket.objects.select_related("replaces", "replacement")
    try:
        return tickets.filter(id=UUID(asked)).first()
    except ValueError:
        return tickets.filter(code__iexact=asked).first()
