"""The page that asks before a ticket is changed, and then changes it or says why not."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from tickets.changes.attempt import Attempt
from tickets.changes.changes import Change
from tickets.changes.forms import ChangeForm
from tickets.models import Ticket

WIDGETS = {
    forms.TextInput: UnfoldAdminTextInputWidget,
    forms.Textarea: UnfoldAdminTextareaWidget,
    forms.CheckboxInput: UnfoldBooleanWidget,
}


def change_page(request: HttpRequest, model_admin: Any, change: Change, ticket_id: str) -> HttpResponse:
    """Ask, or carry out what was confirmed. It needs the permissions to view tickets and to make this change."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(change.permission)):
        raise PermissionDenied
    ticket: Ticket | None = model_admin.get_object(request, ticket_id)
    if ticket is None:
        raise Http404
    attempt = Attempt(change, ticket, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (told := attempt.carry_out()):
        model_admin.log_change(request, ticket, told)
        model_admin.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:tickets_ticket_change", args=[ticket.id]))
    _dress(attempt.form)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(change)s: %(code)s") % {"change": change.label, "code": ticket.code},
        "opts": model_admin.opts,
        "original": ticket,
        "starts": model_admin.starts(ticket),
        "attempt": attempt,
    }
    return TemplateResponse(request, "admin/tickets/ticket/ask.html", context, status=attempt.status)


def _dress(form: ChangeForm) -> None:
    """Give the fields the widgets of the admin's theme."""
    for field in form.fields.values():
        plain = field.widget
        if themed := WIDGETS.get(type(plain)):
            field.widget = themed(attrs=plain.attrs)
            field.widget.is_required = plain.is_required
