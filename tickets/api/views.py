"""Answer the REST interface of tickets."""

from http import HTTPStatus
from typing import Any

from django.utils.http import parse_etags
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.api.filters import StableOrdering, TicketFilters
from tickets.api.serializers import (
    CancellationOutlineSerializer,
    CancellationSerializer,
    TicketOutlineSerializer,
    TicketSerializer,
    either,
)
from tickets.api.visibility import may_see_tickets
from tickets.models import Ticket

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='Refuse the request unless the ticket has this ETag, for example `"1"`.',
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=True, description="The ticket's version, for If-Match."
)


def _filter(name: str) -> OpenApiParameter:
    """Document a filter that is refused if it is empty: it would list all tickets."""
    return OpenApiParameter(name, {"type": "string", "minLength": 1}, description=f"Only tickets with this {name}.")


class PreconditionFailed(APIException):
    status_code = HTTPStatus.PRECONDITION_FAILED


@extend_schema_view(
    list=extend_schema(summary="List tickets", parameters=[_filter("code"), _filter("venue")]),
    retrieve=extend_schema(summary="Show a ticket", parameters=[ETAG]),
    create=extend_schema(summary="Issue a ticket"),
)
class TicketViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet[Ticket]
):
    """List, show, issue, cancel and check in tickets."""

    queryset = Ticket.objects.select_related("replacement")
    serializer_class = TicketSerializer
    filter_backends = [DjangoFilterBackend, StableOrdering]
    filterset_class = TicketFilters
    ordering_fields = ["created_at", "starts_at", "title", "venue", "code", "price"]
    required_permission = ""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show a ticket; its ETag is the version, for If-Match."""
        response = super().retrieve(request, *args, **kwargs)
        response["ETag"] = _etag(response.data["version"])
        return response

    def get_success_headers(self, data: Any) -> dict[str, str]:
        return {"Location": self.reverse_action("detail", [data["id"]])}

    @extend_schema(
        summary="Cancel a ticket",
        request=None,
        responses=either("CancellationAnswer", CancellationSerializer, CancellationOutlineSerializer),
        parameters=[IF_MATCH],
    )
    @action(detail=True, methods=["post"], required_permission="tickets.cancel_ticket")
    def cancel(self, request: Request, **_: Any) -> Response:
        """Cancel an issued ticket, and issue its replacement."""
        ticket = self._matching_ticket(request)
        replacement = ticket.cancel()
        serializer = CancellationSerializer if may_see_tickets(request) else CancellationOutlineSerializer
        return Response(serializer({"canceled": ticket, "replacement": replacement}).data)

    @extend_schema(
        summary="Check a ticket in",
        request=None,
        responses=either("CheckInAnswer", TicketSerializer, TicketOutlineSerializer),
        parameters=[IF_MATCH],
    )
    @action(detail=True, methods=["post"], url_path="check-in", required_permission="tickets.check_in_ticket")
    def check_in(self, request: Request, **_: Any) -> Response:
        """Check in an issued ticket."""
        ticket = self._matching_ticket(request)
        ticket.check_in()
        serializer = TicketSerializer if may_see_tickets(request) else TicketOutlineSerializer
        return Response(serializer(ticket).data)

    def _matching_ticket(self, request: Request) -> Ticket:
        ticket = self.get_object()
        expected = _expected_tags(request)
        if not {"*", _etag(ticket.version)} & set(expected):
            raise PreconditionFailed(
                f"the ticket has version {ticket.version}, not {', '.join(expected)}; read it again"
            )
        return ticket


def _expected_tags(request: Request) -> list[str]:
    """Return the ETags of If-Match, `*` without one; raise ValidationError if it has none that can be read."""
    if tags := parse_etags(request.headers.get("If-Match", "*")):
        return tags
    raise ValidationError({"If-Match": ['This header has no ETag; send one such as "1", in quotation marks.']})


def _etag(version: int) -> str:
    return f'"{version}"'
