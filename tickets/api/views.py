"""Answer the REST interface of tickets."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.api import answers
from tickets.api.changes import CancelSerializer, CorrectionSerializer, ReasonSerializer, read_body
from tickets.api.filters import filtered
from tickets.api.gate.bodies import PassageSerializer, passage_in
from tickets.api.gate.check_ins import to_answer
from tickets.api.idempotency.keys import IDEMPOTENCY_KEY, REPLAYED
from tickets.api.idempotency.once import Earlier, once
from tickets.api.issuing import issue
from tickets.api.pages import page_of
from tickets.api.parameters import ListParameters, ShowParameters, read_parameters
from tickets.api.preconditions import ETAG, IF_MATCH, IF_MATCH_REQUIRED, etag_of, expect_state
from tickets.api.representation import Representation, linked
from tickets.api.serializers import (
    CHANGED,
    ISSUED,
    CancellationOutlineSerializer,
    CancellationSerializer,
    TicketListSerializer,
    TicketPartSerializer,
    TicketSerializer,
    either,
)
from tickets.gate.admission import admit
from tickets.models import Ticket

LOCATION = OpenApiParameter(
    "Location", {"type": "string", "format": "uri"}, OpenApiParameter.HEADER, response=True, description="Of a ticket."
)
OF_A_CHANGE = [IDEMPOTENCY_KEY, IF_MATCH, ETAG, REPLAYED]
CANCELED = either("CancellationAnswer", CancellationSerializer, CancellationOutlineSerializer)


@extend_schema(tags=["Tickets"])
class TicketViewSet(viewsets.GenericViewSet[Ticket]):
    """List, show, issue, correct, cancel, reinstate and check in tickets."""

    queryset = Ticket.objects.select_related("replacement")
    serializer_class = TicketSerializer
    filter_backends = []
    pagination_class = None
    required_permission = ""

    @extend_schema(
        operation_id="list_tickets",
        summary="List tickets",
        parameters=[ListParameters],
        responses=forced_singular_serializer(TicketListSerializer),  # type: ignore[no-untyped-call]
    )
    def list(self, request: Request) -> Response:
        """List tickets, the newest first. Follow `next` until it is null.

        Tickets that are issued meanwhile move nothing: a page begins after a ticket, not after a number of them.
        """
        parameters = read_parameters(request, ListParameters)
        representation = Representation.chosen_by(parameters)
        tickets = representation.select(Ticket.objects.all())
        page = page_of(filtered(tickets, parameters), parameters, among=Ticket.objects.all())
        results = TicketSerializer(page.rows, many=True, representation=representation).data
        return Response({**page.links(request), "has_more": page.has_more, "results": results})

    @extend_schema(
        operation_id="show_ticket",
        summary="Show a ticket",
        parameters=[ShowParameters],
        responses=either("ShownTicket", TicketSerializer, TicketPartSerializer),
    )
    def retrieve(self, request: Request, **_: Any) -> Response:
        """Show a ticket; its ETag is the version, for If-Match."""
        representation = Representation.chosen_by(read_parameters(request, ShowParameters))
        self.queryset = representation.select(Ticket.objects.all())
        ticket = self.get_object()
        shown = TicketSerializer(ticket, representation=representation).data
        return Response(shown, headers={"ETag": etag_of(representation.tickets_in(ticket))})

    @extend_schema(
        operation_id="issue_tickets",
        summary="Issue a ticket, or up to 1,000",
        request=either("TicketOrTickets", TicketSerializer(), TicketSerializer(many=True), many=False),
        responses={201: either("IssuedAnswer", TicketSerializer(), TicketSerializer(many=True), many=False)},
        parameters=[IDEMPOTENCY_KEY, ETAG, LOCATION, REPLAYED],
        examples=[
            OpenApiExample("One ticket", ISSUED, request_only=True),
            OpenApiExample("Several tickets", [ISSUED, {**ISSUED, "seat": "Row 3, Seat 15"}], request_only=True),
        ],
    )
    @once(answers.issued)
    def create(self, request: Request) -> Sequence[Ticket]:
        """Issue a ticket, or all of a list; if one of the list is wrong, none is issued.

        `errors` of the problem then names the ticket's place in the list, from 0, and its field, such as `17.title`.
        """
        return issue(request.data)

    @extend_schema(
        operation_id="correct_ticket",
        summary="Correct a ticket's holder or seat",
        request=CorrectionSerializer,
        responses=CHANGED,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH_REQUIRED, ETAG, REPLAYED],
    )
    @once(answers.changed)
    def partial_update(self, request: Request, **_: Any) -> Sequence[Ticket]:
        """Change the holder or the seat of an issued ticket. The code stays, and no replacement is issued.

        Without If-Match the answer is a 428: the ticket may have been changed since it was read.
        """
        ticket = self._expected_ticket(request, is_required=True)
        ticket.update(**read_body(request, CorrectionSerializer))
        return [ticket]

    @extend_schema(
        operation_id="cancel_ticket",
        summary="Cancel a ticket",
        request=CancelSerializer,
        responses=CANCELED,
        parameters=OF_A_CHANGE,
    )
    @action(detail=True, methods=["post"], required_permission="tickets.cancel_ticket")
    @once(answers.canceled)
    def cancel(self, request: Request, **_: Any) -> Sequence[Ticket]:
        """Cancel an issued ticket, and issue its replacement, for another holder or seat if these are given."""
        ticket = self._expected_ticket(request)
        body = read_body(request, CancelSerializer)
        reason, is_replaced = body.pop("reason"), body.pop("replace")
        if is_replaced:
            return [ticket, ticket.cancel(reason, **body)]
        ticket.void(reason)
        return [ticket]

    @extend_schema(
        operation_id="reinstate_ticket",
        summary="Reinstate a cancelled ticket",
        request=ReasonSerializer,
        responses=CHANGED,
        parameters=OF_A_CHANGE,
    )
    @action(detail=True, methods=["post"], required_permission="tickets.reinstate_ticket")
    @once(answers.changed)
    def reinstate(self, request: Request, **_: Any) -> Sequence[Ticket]:
        """Make a ticket that was cancelled by mistake valid again, and cancel its replacement, which must be unused."""
        ticket = self._expected_ticket(request)
        replacement = linked(ticket, "replacement")
        ticket.reinstate(**read_body(request, ReasonSerializer))
        return [ticket, *Ticket.objects.filter(id=replacement.id)] if replacement else [ticket]

    @extend_schema(
        operation_id="check_in_ticket",
        summary="Check a ticket in",
        request=PassageSerializer,
        responses=CHANGED,
        parameters=OF_A_CHANGE,
    )
    @action(detail=True, methods=["post"], url_path="check-in", required_permission="tickets.check_in_ticket")
    @once(answers.changed)
    def check_in(self, request: Request, **_: Any) -> Sequence[Ticket] | Earlier:
        """Check in an issued ticket. With a nonce, the device may repeat the request for ever and gets the same answer.

        A ticket that was used before is a 409 `urn:problem:already-checked-in`, whose `checked_in_at` and `device` say
        when and where; a cancelled one is a 409 `urn:problem:already-canceled`.
        """
        passage = passage_in(read_body(request, PassageSerializer))
        self.queryset = Ticket.objects.select_for_update(no_key=True)
        ticket = self.get_object()
        if not passage.reported():
            expect_state(request, ticket)
        return to_answer(admit(ticket.id, passage))

    @extend_schema(
        operation_id="undo_check_in",
        summary="Undo a ticket's check-in",
        request=ReasonSerializer,
        responses=CHANGED,
        parameters=OF_A_CHANGE,
    )
    @action(detail=True, methods=["post"], url_path="undo-check-in", required_permission="tickets.undo_check_in_ticket")
    @once(answers.changed)
    def undo_check_in(self, request: Request, **_: Any) -> Sequence[Ticket]:
        """Make a ticket usable again whose holder did not go in after all."""
        ticket = self._expected_ticket(request)
        ticket.undo_check_in(**read_body(request, ReasonSerializer))
        return [ticket]

    def _expected_ticket(self, request: Request, *, is_required: bool = False) -> Ticket:
        """Lock the ticket: requests at the same moment are answered as if they had come one after the other."""
        self.queryset = self.queryset.select_for_update(of=("self",), no_key=True)
        ticket = self.get_object()
        expect_state(request, ticket, is_required=is_required)
        return ticket
