"""Answer a change with the tickets that it has changed, as far as the caller may see them."""

from collections.abc import Sequence
from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tickets.api.preconditions import etag_of
from tickets.api.serializers import (
    CancellationOutlineSerializer,
    CancellationSerializer,
    TicketOutlineSerializer,
    TicketSerializer,
)
from tickets.api.visibility import may_see_tickets
from tickets.models import Ticket


def issued(request: Request, tickets: Sequence[Ticket]) -> Response:
    """Show the ticket that was issued, or all of them if the request has a list."""
    if isinstance(request.data, list):
        return Response(TicketSerializer(tickets, many=True).data, status=HTTPStatus.CREATED)
    [ticket] = tickets
    location = reverse("ticket-detail", [ticket.id], request=request)
    headers = {"Location": location, "ETag": etag_of([ticket])}
    return Response(TicketSerializer(ticket).data, status=HTTPStatus.CREATED, headers=headers)


def changed(request: Request, tickets: Sequence[Ticket]) -> Response:
    """Show the first ticket; the others were changed because of it."""
    ticket = tickets[0]
    serializer = TicketSerializer if may_see_tickets(request) else TicketOutlineSerializer
    return Response(serializer(ticket).data, headers={"ETag": etag_of([ticket])})


def canceled(request: Request, tickets: Sequence[Ticket]) -> Response:
    """Show the canceled ticket, which the ETag is of, and its replacement."""
    ticket, replacement = tickets[0], tickets[1] if len(tickets) > 1 else None
    serializer = CancellationSerializer if may_see_tickets(request) else CancellationOutlineSerializer
    shown = serializer({"canceled": ticket, "replacement": replacement}).data
    return Response(shown, headers={"ETag": etag_of([ticket])})
