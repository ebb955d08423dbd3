"""Show jobs in the admin: how far each is, and which tickets it could not change; confirm drafts and stop jobs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django_tasks_db.admin  # noqa: F401 (registered, so that it can be taken out below)
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from django_tasks_db.models import DBTaskResult
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from tickets.csv_import.importing import ImportReport
from tickets.csv_import.rows import Row, read_rows
from tickets.jobs.actions import PERMISSIONS
from tickets.jobs.file_turn import source_of
from tickets.jobs.starting import confirm, stop
from tickets.models import Job, JobFile, JobItem, JobKind, JobState, Outcome, Ticket
from tickets.models.details import LONGEST_REASON, validated_reason
from tickets.values import written
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import at_venue

if TYPE_CHECKING:
    JobModelAdmin = admin.ModelAdmin[Job]
    JobModelForm = forms.ModelForm[Job]
else:
    JobModelAdmin, JobModelForm = admin.ModelAdmin, forms.ModelForm  # Not generic at run time.

admin.site.unregister(DBTaskResult)  # A job says what its tasks have done.
WAITING_FOR_A_PERSON = {JobState.DRAFT, JobState.CHECKED}
SHOWN_TICKETS = 10
REFUSALS_PER_PAGE = 50
VIEW_PERMISSION = "tickets.view_ticket"


class ConfirmForm(JobModelForm):
    class Meta:
        model = Job
        fields = ["reason", "replace"]
        widgets = {
            "reason": UnfoldAdminTextareaWidget({"rows": 2, "dir": "auto", "maxlength": LONGEST_REASON}),
            "replace": UnfoldBooleanWidget,
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.kind != JobKind.CANCEL:
            self.fields.clear()

    def clean_reason(self) -> str:
        return validated_reason(self.cleaned_data["reason"])


@admin.register(Job)
class JobAdmin(JobModelAdmin):
    list_display = ["kind", "state", "progress", "refused", "asked_by", "asked_at", "ended_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["asked_by"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).exclude(state=JobState.DRAFT)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW_PERMISSION)

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:  # noqa: ARG002
        return request.user.has_perm(VIEW_PERMISSION)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:  # noqa: ARG002
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:job_id>/confirm/", wrap(self.confirm_view), name="tickets_job_confirm"),
            path("<uuid:job_id>/progress/", wrap(require_GET(self.progress_view)), name="tickets_job_progress"),
            path("<uuid:job_id>/stop/", wrap(require_POST(self.stop_view)), name="tickets_job_stop"),
            *super().get_urls(),
        ]

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        return f"{job.version:,} / {job.total:,}"

    @admin.display(description=_("asked at"), ordering="created_at")
    def asked_at(self, job: Job) -> str:
        return _in_words(job.created_at)

    @admin.display(description=_("finished at"), ordering="finished_at")
    def ended_at(self, job: Job) -> str:
        return _in_words(job.finished_at) if job.finished_at else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Show the job, with the tickets that it could not change."""
        job = self.get_object(request, object_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if job is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        refused = JobItem.objects.filter(job=job, outcome=Outcome.REFUSED)
        page = Paginator(refused, REFUSALS_PER_PAGE).get_page(request.GET.get("p"))
        context = {
            "job": job,
            "asked_at": self.asked_at(job),
            "ended_at": self.ended_at(job),
            "page": page,
            "refusals": list(_with_tickets(page.object_list)),
            "is_quiet": _is_quiet(job),
            "may_stop": _may(request, job),
            "may_confirm": job.state == JobState.CHECKED and _may(request, job) and job.asked_by_id == request.user.pk,
            **_of_import(job),
        }
        return self._page(request, "change_form", str(job), context)

    def progress_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """Answer the part of the page that changes; a job that has ended reloads the page, with its refusals."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = get_object_or_404(self.get_queryset(request), id=job_id)
        context = {"job": job, "is_quiet": _is_quiet(job)}
        response = TemplateResponse(request, "admin/tickets/job/progress.html", context)
        if job.is_finished:
            response["HX-Refresh"] = "true"
        return response

    def confirm_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """Show what a draft would change, and start it when that is confirmed."""
        job = get_object_or_404(Job, id=job_id, asked_by=request.user.pk)
        if not (self.has_view_permission(request) and _may(request, job)):
            raise PermissionDenied
        form = ConfirmForm(request.POST or None, instance=job)
        if job.state not in WAITING_FOR_A_PERSON or (job.kind == JobKind.IMPORT and request.method != "POST"):
            return _to_page(job)
        if request.method == "POST" and form.is_valid():
            job.correlation_id = getattr(request, "correlation_id", "")
            job.language = request.LANGUAGE_CODE
            confirm(job)
            return _to_page(job)
        first = JobItem.objects.filter(job=job)[:SHOWN_TICKETS]
        context = {"job": job, "form": form, "tickets": [ticket for _, ticket in _with_tickets(first)]}
        return self._page(request, "confirm", _("Confirm"), context)

    def stop_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        job = get_object_or_404(self.get_queryset(request), id=job_id)
        if not _may(request, job):
            raise PermissionDenied
        stop(job)
        messages.info(request, _("No further ticket is changed."))
        return _to_page(job)

    def _page(self, request: HttpRequest, name: str, title: Any, context: Mapping[str, Any]) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/tickets/job/{name}.html", shared)


def _in_words(instant: datetime) -> str:
    """Write an instant with its zone: that of the venues, since a job has no venue of its own."""
    return written.moment(at_venue(instant, default_time_zone()))


def _may(request: HttpRequest, job: Job) -> bool:
    return request.user.has_perm(PERMISSIONS[job.kind])


def _is_quiet(job: Job) -> bool:
    """Tell whether no worker has the job, though it is not finished."""
    return Job.objects.quiet().filter(id=job.id).exists()


def _to_page(job: Job) -> HttpResponseBase:
    return redirect("admin:tickets_job_change", job.id)


def _with_tickets(items: Any) -> Iterator[tuple[JobItem, Ticket | None]]:
    """Yield items with their tickets, which are read by one query."""
    found = list(items)
    tickets = Ticket.objects.in_bulk([item.ticket_id for item in found if item.ticket_id])
    for item in found:
        yield item, tickets.get(item.ticket_id) if item.ticket_id else None


def _of_import(job: Job) -> Mapping[str, Any]:
    """Return what the page of an import has besides: its report, and the first rows as long as there is the file."""
    if job.kind != JobKind.IMPORT:
        return {}
    report = ImportReport(**job.counts) if job.counts else None
    file = JobFile.objects.filter(job=job).first()
    if file is None:
        return {"report": report}
    source = source_of(file)
    first = [row for row in islice(read_rows(source), SHOWN_TICKETS) if isinstance(row, Row)]
    return {"report": report, "file": file, "note": source.note, "first_rows": [_shown(row) for row in first]}


def _shown(row: Row) -> Mapping[str, Any]:
    return {**row.values, "starts": written.moment(at_venue(row.draft.starts_at, row.draft.time_zone))}
