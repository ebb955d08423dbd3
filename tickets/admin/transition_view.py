"""The page that asks before a ticket is changed, and then changes it or says why not."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tickets.admin.history import changes_since
from tickets.admin.transition_forms import TransitionForm
from tickets.admin.transitions import Transition
from tickets.exceptions import ConcurrentChange, TicketError
from tickets.models import Ticket


def transition_page(request: HttpRequest, model_admin: Any, transition: Transition, ticket_id: str) -> HttpResponse:
    """Ask, or carry out what was confirmed. It needs the permissions to view tickets and to make this change."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(transition.permission)):
        raise PermissionDenied
    ticket = _find(model_admin, request, ticket_id)
    form = transition.form(ticket, request.POST if request.method == "POST" else None)
    seen = form.seen_version if form.is_bound else ticket.version
    if seen == ticket.version and form.is_bound and form.is_valid():
        try:
            told = transition.carry_out(ticket, form.cleaned_data)
        except ConcurrentChange:
            ticket = _find(model_admin, request, ticket_id)
        except ValidationError as error:
            _add_errors(form, error)
        except TicketError as error:
            form.add_error(None, str(error))
        else:
            model_admin.log_change(request, ticket, told)
            model_admin.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:tickets_ticket_change", args=[ticket.id]))
    return _page(request, model_admin, transition=transition, ticket=ticket, form=form, seen=seen)


def _find(model_admin: Any, request: HttpRequest, ticket_id: str) -> Ticket:
    ticket: Ticket | None = model_admin.get_object(request, ticket_id)
    if ticket is None:
        raise Http404
    return ticket


def _add_errors(form: TransitionForm, error: ValidationError) -> None:
    """Show the model's errors at their fields, or on top."""
    found = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
    for name, texts in found.items():
        form.add_error(name if name in form.fields else None, texts)


def _page(request: HttpRequest, model_admin: Any, **context: Any) -> TemplateResponse:
    transition, ticket, form, seen = (context[name] for name in ("transition", "ticket", "form", "seen"))
    is_outdated = seen != ticket.version
    if is_outdated:
        form.show_version(ticket.version)
    is_refused = form.is_bound and not form.is_valid()
    site = model_admin.admin_site.each_context(request)
    title = _("%(change)s: %(code)s") % {"change": transition.label, "code": ticket.code}
    context |= {
        **site,
        "title": title,
        "opts": model_admin.opts,
        "original": ticket,
        "starts": model_admin.starts(ticket),
        "is_outdated": is_outdated,
        "changes": changes_since(ticket, seen or 0) if is_outdated else [],
        "is_possible": ticket.status in transition.sources,
    }
    template = "admin/tickets/ticket/transition.html"
    status = HTTPStatus.CONFLICT if is_outdated else HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK
    return TemplateResponse(request, template, context, status=status)
