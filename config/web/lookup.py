"""Look up a ticket by its code or id in the database, for when the search does not answer or is behind."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import security_log
from readmodel.tickets.pages.decorators import page
from tickets.models import Ticket

MAX_CODE_LENGTH = 50


@page
def lookup(request: HttpRequest) -> HttpResponse:
    """Show the ticket as the database has it now."""
    asked = request.GET.get("code", "").strip()[:MAX_CODE_LENGTH]
    found = _find_tickets(asked)
    for ticket in found:
        security_log.write("read", what="ticket", which=str(ticket.id))
    context = {"asked": asked, "ticket": found[0] if found else None, "similar": found[1:]}
    return render(request, "config/lookup.html", context)


def _find_tickets(asked: str) -> list[Ticket]:
    """Return the ticket with this id or code; if several codes differ only in their spelling, the typed one first."""
    tickets = Ticket.objects.select_related("replaces", "replacement")
    try:
        return list(tickets.filter(id=UUID(asked)))
    except ValueError:
        return sorted(tickets.with_code(asked), key=lambda ticket: (ticket.code != asked, ticket.id))
