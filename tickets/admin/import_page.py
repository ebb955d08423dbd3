"""Import a CSV file of tickets in the admin: check it first, then issue all of its tickets or none."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.http import HttpRequest
from django.template.response import TemplateResponse

from tickets.csv_import.importing import Import
from tickets.csv_import.permits import new_permit
from tickets.csv_import.rows import OPTIONAL_COLUMNS, TICKET_COLUMNS, BadRow
from tickets.csv_import.source import DELIMITERS, NoTicketFile, Source, examine
from tickets.models import Ticket
from tickets.values.venue_time import time_zones

LARGEST_FILE = 2_000_000
"""Some 10,000 rows, which take a worker half a minute; larger files are for the command."""
SHOWN_BAD_ROWS = 100
ENCODINGS = ("utf-8", "cp1252", "cp1250", "cp1251", "mac_roman", "utf-16", "shift_jis", "gb18030")
FOUND_OUT = ("", "found out")


class ImportForm(forms.Form):
    file = forms.FileField(
        help_text=f"At most {LARGEST_FILE:,} bytes.", widget=forms.FileInput({"accept": ".csv,.txt"})
    )
    encoding = forms.ChoiceField(choices=[FOUND_OUT, *((name, name) for name in ENCODINGS)], required=False)
    delimiter = forms.ChoiceField(
        choices=[FOUND_OUT, *((character, name) for name, character in DELIMITERS.items())], required=False
    )
    time_zone = forms.ChoiceField(
        choices=lambda: [("", "the default one"), *((name, name) for name in sorted(time_zones()))],
        required=False,
        help_text="Of rows that have none.",
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if file.size and file.size > LARGEST_FILE:
            raise ValidationError(
                f"This file has {file.size:,} bytes, and at most {LARGEST_FILE:,} can be imported here; split it, or "
                "run manage.py import_tickets."
            )
        return file


def import_page(request: HttpRequest, site: admin.AdminSite) -> TemplateResponse:
    """Show the form; check or import the file that was sent. It needs the permission to issue tickets."""
    if not request.user.has_perm("tickets.add_ticket"):
        raise PermissionDenied
    form = ImportForm(request.POST or None, request.FILES or None)
    result = _result_of(form, only_check="import" not in request.POST) if form.is_valid() else {}
    context = {
        **site.each_context(request),
        "title": "Import tickets",
        "opts": Ticket._meta,
        "form": form,
        "permit": new_permit(),
        "columns": TICKET_COLUMNS,
        "optional": OPTIONAL_COLUMNS,
        **result,
    }
    is_refused = form.is_bound and (form.errors or result.get("failure") or result.get("bad_rows"))
    status = HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK
    return TemplateResponse(request, "admin/tickets/import.html", context, status=status)


def _result_of(form: ImportForm, *, only_check: bool) -> Mapping[str, Any]:
    bad_rows: list[BadRow] = []
    run = Import(bad_rows.append)
    try:
        source = _source_in(form.cleaned_data)
        run.all_or_nothing(source, only_check=only_check)
    except NoTicketFile as error:
        return {"failure": str(error)}
    except IntegrityError:
        return {"failure": "Somebody else issued a ticket of this file at the same time; import it again."}
    return {
        "report": run.report,
        "note": source.note,
        "is_check": only_check,
        "bad_rows": bad_rows[:SHOWN_BAD_ROWS],
        "further_bad_rows": len(bad_rows[SHOWN_BAD_ROWS:]),
    }


def _source_in(cleaned: Mapping[str, Any]) -> Source:
    named = {name: cleaned[name] for name in ("encoding", "delimiter", "time_zone")}
    return examine(cleaned["file"].file, columns=TICKET_COLUMNS, **named)
