"""Answer a ticket as a file: a page for its holder, and its QR code.

The first answer loads fpdf2 and fontTools, which would make each start of the web server half as long again.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from tickets.models import Status, Ticket
from tickets.models.check_in import refusal_at_gate

PDF, PNG = "application/pdf", "image/png"


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class _Printed(APIView):
    queryset = Ticket.objects.all()
    required_permission = "tickets.view_ticket"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 (REST framework's signature)
        return super().perform_content_negotiation(request, force=True)  # `Accept` names no JSON: that is for problems.

    def answer(self, pk: UUID, draw: Callable[[Ticket], bytes], kind: str) -> HttpResponse:
        """Return the file; raise AlreadyCanceled for a ticket that lets nobody in."""
        ticket = get_object_or_404(self.queryset, id=pk)
        if ticket.status == Status.CANCELED:
            raise refusal_at_gate(ticket)
        ending = kind.rpartition("/")[2]
        disposition = f'inline; filename="ticket-{ticket.code}.{ending}"'
        with translation.override(translation.get_language_from_request(self.request)):
            return HttpResponse(draw(ticket), content_type=kind, headers={"Content-Disposition": disposition})


class TicketPage(_Printed):
    """A ticket as a page."""

    @extend_schema(
        tags=["Tickets"],
        operation_id="print_ticket",
        summary="Show a ticket as PDF",
        responses={(200, PDF): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:  # noqa: ARG002 (REST framework's signature)
        """Show the ticket as a page of the size A5 with its signed QR code, in the language of `Accept-Language`.

        A cancelled ticket is a 409 `urn:problem:already-canceled`.
        """
        from tickets.printing.page import pdf_of  # noqa: PLC0415 (see above)

        return self.answer(pk, pdf_of, PDF)


class TicketQRCode(_Printed):
    """A ticket's QR code."""

    @extend_schema(
        tags=["Tickets"],
        operation_id="show_qr_code",
        summary="Show a ticket's QR code as PNG",
        responses={(200, PNG): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:  # noqa: ARG002 (REST framework's signature)
        """Show the signed QR code with the ticket's code below it; there is nothing else in it.

        A cancelled ticket is a 409 `urn:problem:already-canceled`.
        """
        from tickets.printing.qr_code import png_of  # noqa: PLC0415 (see above)

        return self.answer(pk, png_of, PNG)
