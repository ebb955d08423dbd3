"""Change a ticket on a page: ask first, carry it out, and say so if somebody else was faster."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.box_office.tokens import token_of_state
from readmodel.tickets.pages.decorators import PERMISSION
from readmodel.tickets.templatetags.ticket_display import SEARCH
from tickets.changes.attempt import Attempt
from tickets.changes.changes import Change
from tickets.models import Ticket

type View = Callable[..., HttpResponse]


def page_of(change: Change) -> View:
    """Return the page of the change."""

    def change_ticket(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
        ticket = get_object_or_404(Ticket.objects.select_related("replacement"), id=ticket_id)
        attempt = Attempt(change, ticket, request.POST if request.method == "POST" else None)
        if request.method == "POST" and (told := attempt.carry_out()):
            messages.success(request, told)
            return redirect(_address_of(ticket, search=request.GET.get(SEARCH, "")))
        context = {"attempt": attempt, "ticket": ticket}
        return render(request, "config/change_ticket.html", context, status=attempt.status)

    return _guarded(change_ticket, PERMISSION, change.permission)


def _guarded(view: View, *permissions: str) -> View:
    @wraps(view)
    def answer(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
        for permission in permissions:
            if not request.user.has_perm(permission):
                return render(request, "403.html", {"permission": permission}, status=HTTPStatus.FORBIDDEN)
        return view(request, ticket_id)

    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(login_required(answer)))


def _address_of(ticket: Ticket, *, search: str) -> str:
    """Return the address of the ticket's page, which waits until the read model shows the change."""
    kept = {"written": token_of_state(ticket), SEARCH: search}
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"{reverse('ticket', args=[ticket.id])}?{query}"
