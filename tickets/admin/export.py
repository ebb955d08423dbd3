"""Export the tickets of the admin's list, as it is filtered and searched, as CSV or for Excel."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from asgiref.sync import sync_to_async
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from tickets.export import csv_file, workbook
from tickets.models import Ticket

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    TicketModelAdmin = ModelAdmin[Ticket]
else:
    TicketModelAdmin = object  # It is mixed into an admin class.

PERMISSIONS = ("tickets.view_ticket", "tickets.export_ticket")


class Format(NamedTuple):
    content_type: str
    chunks_of: Callable[[QuerySet[Ticket]], Iterator[bytes]]


FORMATS: Mapping[str, Format] = {
    "csv": Format(csv_file.CONTENT_TYPE, csv_file.chunks_of),
    "xlsx": Format(workbook.CONTENT_TYPE, workbook.chunks_of),
}


class Exports(TicketModelAdmin):
    """The addresses of the exports, for the admin of the tickets."""

    def get_urls(self) -> list[URLPattern]:
        # Reading 100,000 tickets takes some time, in which no transaction should be open.
        view = transaction.non_atomic_requests(self.admin_site.admin_view(require_GET(self.export_view)))
        ours = [path(f"export.{name}", view, {"name": name}, name="tickets_ticket_export") for name in FORMATS]
        return [*ours, *super().get_urls()]

    def export_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        if not request.user.has_perms(PERMISSIONS):
            raise PermissionDenied
        try:
            tickets = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"{reverse('admin:tickets_ticket_changelist')}?{ERROR_FLAG}=1")
        form = FORMATS[name]
        file_name = f"tickets-{timezone.localdate():%Y-%m-%d}.{name}"
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        return StreamingHttpResponse(_in_turn(form.chunks_of(tickets)), content_type=form.content_type, headers=headers)


async def _in_turn(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make each part in the request's thread when it is sent: of a plain iterator the server would collect all."""

    @sync_to_async
    def made() -> bytes:
        return next(chunks, b"")

    while chunk := await made():
        yield chunk
