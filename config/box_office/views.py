"""Change a ticket on a page: ask first, carry it out, and say so if somebody else was faster."""

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.box_office.actions import ACTIONS, Action
from config.box_office.forms import ChangeForm
from config.box_office.news import news_of, token_of_state
from readmodel.tickets.pages.decorators import PERMISSION
from readmodel.tickets.templatetags.ticket_display import SEARCH
from tickets.exceptions import ConcurrentChange, TransitionRefused
from tickets.models import Ticket

type View = Callable[..., HttpResponse]


def _guarded(view: View, *permissions: str) -> View:
    @wraps(view)
    def answer(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
        for permission in permissions:
            if not request.user.has_perm(permission):
                return render(request, "403.html", {"permission": permission}, status=HTTPStatus.FORBIDDEN)
        return view(request, ticket_id)

    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(login_required(answer)))


def page_of(name: str) -> View:
    """Return the page of the action."""
    action = ACTIONS[name]

    def change_ticket(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
        ticket = get_object_or_404(Ticket.objects.select_related("replacement"), id=ticket_id)
        if request.method == "POST":
            return _Attempt(request, action, ticket).answer()
        return _ask(request, action, ticket, form=action.form(ticket))

    return _guarded(change_ticket, PERMISSION, action.permission)


def _ask(request: HttpRequest, action: Action, ticket: Ticket, **context: Any) -> HttpResponse:
    is_possible = ticket.status == action.source
    return render(
        request,
        "config/change_ticket.html",
        {"action": action, "ticket": ticket, "is_possible": is_possible, **context},
        status=context.get("status", HTTPStatus.OK),
    )


class _Attempt:
    """A form that was sent: it is carried out, or the page comes back with what was typed."""

    def __init__(self, request: HttpRequest, action: Action, ticket: Ticket) -> None:
        self._request = request
        self._action = action
        self._ticket = ticket
        self._form = action.form(ticket, request.POST)
        self._ask = partial(_ask, request, action)

    def answer(self) -> HttpResponse:
        form, ticket = self._form, self._ticket
        if not form.is_valid():
            if "version" in form.errors:
                raise BadRequest(_("This form is not one of ours. Open the ticket again."))
            return self._ask(ticket, form=form)
        if form.cleaned_data["version"] != ticket.version:
            return self._too_late()
        doubts = self._action.doubts(ticket, form)
        if doubts and not form.cleaned_data["is_confirmed"]:
            return self._ask(ticket, form=self._form_again(has_doubts=True), doubts=doubts)
        return self._carried_out()

    def _carried_out(self) -> HttpResponse:
        try:
            self._action.carry_out(self._ticket, self._form)
        except ConcurrentChange:
            self._ticket.refresh_from_db()
            return self._too_late()
        except TransitionRefused as error:
            return self._ask(self._ticket, form=self._form, refusal=error.outline, status=HTTPStatus.CONFLICT)
        except ValidationError as error:
            self._form.add_error(None, error)
            return self._ask(self._ticket, form=self._form)
        messages.success(self._request, str(self._action.done))
        return self._back_to_the_ticket()

    def _too_late(self) -> HttpResponse:
        """Show what somebody else has done since; sent again, the form is about the current version."""
        news = news_of(self._ticket, since=self._form.cleaned_data["version"])
        return self._ask(self._ticket, form=self._form_again(), news=news, status=HTTPStatus.CONFLICT)

    def _form_again(self, *, has_doubts: bool = False) -> ChangeForm:
        data = self._request.POST.copy()
        data["version"] = str(self._ticket.version)
        return self._action.form(self._ticket, data, has_doubts=has_doubts)

    def _back_to_the_ticket(self) -> HttpResponse:
        kept = {"written": token_of_state(self._ticket), SEARCH: self._request.GET.get(SEARCH, "")}
        query = urlencode({name: value for name, value in kept.items() if value})
        return redirect(f"{reverse('ticket', args=[self._ticket.id])}?{query}")
