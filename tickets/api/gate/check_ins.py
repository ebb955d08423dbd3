"""Check tickets in at a gate, by their codes or QR codes."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events import unit_of_work
from tickets.api import answers
from tickets.api.changes import read_body
from tickets.api.gate.bodies import CheckInSerializer, LateCheckInSerializer, ReportSerializer, passage_in
from tickets.api.idempotency.keys import IDEMPOTENCY_KEY, REPLAYED
from tickets.api.idempotency.once import Earlier, once
from tickets.api.preconditions import ETAG
from tickets.api.serializers import CHANGED
from tickets.exceptions import TicketError
from tickets.gate.admission import Admission, admit, ticket_with
from tickets.models import Ticket

MOST_AT_ONCE = 100


class CheckIns(APIView):
    """Check in by code."""

    required_permission = "tickets.check_in_ticket"

    @extend_schema(
        tags=["Gate"],
        operation_id="check_in_by_code",
        summary="Check in by code or QR code",
        request=CheckInSerializer,
        responses=CHANGED,
        parameters=[IDEMPOTENCY_KEY, ETAG, REPLAYED],
    )
    @once(answers.changed)
    def post(self, request: Request) -> Sequence[Ticket] | Earlier:
        """Let somebody in. With a nonce, the device may repeat the request for ever and gets the same answer.

        A ticket that was used before is a 409 `urn:problem:already-checked-in`, whose `checked_in_at` and `device` say
        when and where; a cancelled one is a 409 `urn:problem:already-canceled`.
        """
        body = read_body(request, CheckInSerializer)
        ticket_id = ticket_with(code=body["code"], qr=body["qr"])
        return to_answer(admit(ticket_id, passage_in(body)))


def to_answer(admission: Admission) -> Sequence[Ticket] | Earlier:
    """Return the ticket as it is now, or what was answered when it was checked in before."""
    if admission.is_repeated:
        return Earlier({str(admission.ticket_id): admission.version})
    return [Ticket.objects.select_related("replacement").get(id=admission.ticket_id)]


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class LateCheckIns(APIView):
    """Take what a device has done while it had no network."""

    required_permission = "tickets.check_in_ticket"

    @extend_schema(
        tags=["Gate"],
        operation_id="report_check_ins",
        summary="Report check-ins that were made offline",
        request=LateCheckInSerializer(many=True),
        responses=ReportSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take up to 100 check-ins with their own times. Each is answered on its own, in the order of the request.

        The first one of a ticket counts. The problem of a refused one says when and where the ticket was used, or that
        it was cancelled. Each has its nonce, so the request may be repeated without an Idempotency-Key.
        """
        if not isinstance(request.data, list) or len(request.data) > MOST_AT_ONCE:
            raise ValidationError([f"Send a list of at most {MOST_AT_ONCE} check-ins."])
        return Response({"results": [self._answer_to(entry) for entry in request.data]})

    def _answer_to(self, entry: Any) -> dict[str, Any]:
        """Carry out one check-in as if it were a request: the handler of its problem rolls its transaction back."""
        nonce = entry.get("nonce") if isinstance(entry, dict) else None
        with unit_of_work():
            try:
                admission = _admitted(entry)
            except (TicketError, APIException) as error:
                answer = self.get_exception_handler()(error, self.get_exception_handler_context())
                return {"nonce": nonce, "outcome": "refused", "ticket": None, "problem": answer and answer.data}
        outcome = "repeated" if admission.is_repeated else "taken"
        return {"nonce": nonce, "outcome": outcome, "ticket": str(admission.ticket_id), "problem": None}


def _admitted(entry: Any) -> Admission:
    body = LateCheckInSerializer(data=entry)
    body.is_valid(raise_exception=True)
    found = body.validated_data
    return admit(ticket_with(code=found["code"], qr=found["qr"]), passage_in(found))
