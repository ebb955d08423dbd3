"""Take a CSV file of tickets in the admin: a worker checks it, and imports it when the job's page confirms that."""

from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from tickets.csv_import.permits import new_permit
from tickets.csv_import.rows import OPTIONAL_COLUMNS, TICKET_COLUMNS, count_rows
from tickets.csv_import.source import NoTicketFile, examine
from tickets.jobs.starting import begin_import
from tickets.models import Job, JobFile, JobKind, Ticket
from tickets.values import written
from tickets.values.venue_time import time_zones

LARGEST_FILE = 9_500_000
"""Some 50,000 rows; larger files are for the command."""
LONGEST_NAME = 200
ENCODINGS = ("utf-8", "cp1252", "cp1250", "cp1251", "mac_roman", "utf-16", "shift_jis", "gb18030")
DELIMITERS = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("pipe"),
}
FOUND_OUT = ("", gettext_lazy("found out"))
NO_FILE = "file"


class ImportForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("File"), widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.txt"}))
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        choices=[FOUND_OUT, *((name, name) for name in ENCODINGS)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Delimiter"),
        choices=[FOUND_OUT, *DELIMITERS.items()],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=lambda: [("", _("the default one")), *((name, name) for name in sorted(time_zones()))],
        required=False,
        help_text=gettext_lazy("Of rows that have none."),
        widget=UnfoldAdminSelectWidget,
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if file.size and file.size > LARGEST_FILE:
            raise ValidationError(
                _("This file has %(size)s bytes, and at most %(most)s can be imported here; split it.")
                % {"size": written.number(file.size), "most": written.number(LARGEST_FILE)}
            )
        return file

    def job_for(self, request: HttpRequest) -> Job | None:
        """Start the check of the file; return None, with an error, if it can't be read as a file of tickets."""
        named = {name: self.cleaned_data[name] for name in ("encoding", "delimiter", "time_zone")}
        uploaded = self.cleaned_data["file"]
        try:
            source = examine(uploaded.file, columns=TICKET_COLUMNS, **named)
            total = count_rows(source)
        except NoTicketFile as error:
            self.add_error(NO_FILE, str(error))
            return None
        if not total:
            self.add_error(NO_FILE, _("This file has the names of the columns alone, and no tickets."))
            return None
        source.file.seek(0)
        file = JobFile(
            name=str(uploaded.name)[-LONGEST_NAME:],
            content=source.file.read(),
            encoding=source.encoding,
            delimiter=source.delimiter,
            time_zone=source.time_zone,
        )
        job = Job(kind=JobKind.IMPORT, asked_by=cast("Any", request.user), total=total, language=request.LANGUAGE_CODE)
        return begin_import(job, file)


def import_page(request: HttpRequest, site: admin.AdminSite) -> HttpResponseBase:
    """Show the form; take the file that was sent, and lead to its job.

    It needs the permissions to issue tickets, and to see them: the job shows the file's rows.
    """
    if not request.user.has_perms(("tickets.view_ticket", "tickets.add_ticket")):
        raise PermissionDenied
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_valid() and (job := form.job_for(request)):
        return redirect("admin:tickets_job_change", job.id)
    context = {
        **site.each_context(request),
        "title": _("Import tickets"),
        "opts": Ticket._meta,
        "form": form,
        "permit": new_permit(),
        "columns": TICKET_COLUMNS,
        "optional": OPTIONAL_COLUMNS,
        "most": written.number(LARGEST_FILE),
    }
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return TemplateResponse(request, "admin/tickets/import.html", context, status=status)
