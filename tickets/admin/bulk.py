"""Actions of the admin's list that start a job for any number of tickets.

The chosen tickets are kept in a draft of the job, so that the page which asks for confirmation repeats no ids, and what
was chosen is what is done.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from tickets.jobs.starting import TooManyTickets, begin
from tickets.models import Job, JobKind, JobState, Ticket

READ_AT_ONCE = 5_000


class BulkActions:
    """The actions, for the admin of the tickets."""

    actions: Sequence[Any] | None = ["cancel_selected", "check_in_selected"]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tickets.cancel_ticket")

    def has_check_in_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tickets.check_in_ticket")

    @admin.action(description=_("Cancel selected tickets"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponseBase | None:
        return _ask(request, JobKind.CANCEL, queryset)

    @admin.action(description=_("Check selected tickets in"), permissions=["check_in"])
    def check_in_selected(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponseBase | None:
        return _ask(request, JobKind.CHECK_IN, queryset)


def _ask(request: HttpRequest, kind: JobKind, tickets: QuerySet[Ticket]) -> HttpResponseBase | None:
    """Keep the chosen tickets in a draft, and lead to the page that asks for confirmation."""
    job = Job(kind=kind, state=JobState.DRAFT, asked_by=cast("Any", request.user), language=request.LANGUAGE_CODE)
    ids = tickets.order_by("id").values_list("id", flat=True).iterator(chunk_size=READ_AT_ONCE)
    try:
        begin(job, ids)
    except TooManyTickets as error:
        messages.error(request, str(error))
        return None
    return redirect("admin:tickets_job_confirm", job.id)
