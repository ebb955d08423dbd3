"""Check tickets in at a gate, by their codes or QR codes."""

from collections.abc import Sequence

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from tickets.api import answers
from tickets.api.changes import read_body
from tickets.api.gate.bodies import CheckInSerializer, passage_in
from tickets.api.idempotency.keys import IDEMPOTENCY_KEY, REPLAYED
from tickets.api.idempotency.once import Earlier, once
from tickets.api.preconditions import ETAG
from tickets.api.serializers import CHANGED
from tickets.gate.admission import Admission, admit, ticket_with
from tickets.models import Ticket


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
