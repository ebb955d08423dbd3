"""Answer a REST request with the state that its header Consistency-Token names, or a newer one."""

from collections.abc import Callable
from http import HTTPStatus

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from events.consistency_token import HEADER, InvalidToken, read_token
from readmodel.consistency.reads import consistent_reads
from readmodel.exceptions import EventParked, StateNotReached
from readmodel.tickets.documents import TicketDocuments

CONSISTENCY_TOKEN = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The token of a write's response, or several separated by commas: the answer shows these writes. If "
    "the writes do not arrive in time, the answer is a 503, or with `stale=ok` the current result.",
)
CONSISTENCY = OpenApiParameter(
    "Consistency",
    str,
    OpenApiParameter.HEADER,
    response=True,
    description="`stale` if the token's writes may be missing from the answer.",
)


class InvalidConsistencyToken(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "invalid-consistency-token"


class ConsistencyNotReached(APIException):
    """The read model does not have the token's writes yet; a later attempt may succeed."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "consistency-not-reached"
    wait = 1


class ConsistencyEventParked(APIException):
    """The read model will not have the token's writes until somebody repairs a dead letter."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "consistency-event-parked"
    wait = 60


def consistently(request: Request, answer: Callable[[], Response], *, stale_is_fine: bool) -> Response:
    """Return an answer that shows the writes of the request's token; without a token, the current answer.

    Raise an APIException if the token is invalid, or if its writes do not arrive in time and a stale answer is not
    allowed.
    """
    text = request.headers.get(HEADER, "")
    if not text:
        return answer()
    try:
        return consistent_reads(TicketDocuments).read(read_token(text), answer)
    except InvalidToken as error:
        raise InvalidConsistencyToken(str(error)) from error
    except StateNotReached as error:
        if not stale_is_fine:
            raise _problem(error) from error
    response = answer()
    response["Consistency"] = "stale"
    return response


def _problem(error: StateNotReached) -> APIException:
    if isinstance(error, EventParked):
        return ConsistencyEventParked(
            f"The search does not show this write: {error}. To search without it, send stale=ok."
        )
    return ConsistencyNotReached(
        f"The search does not show this write yet: {error}. Try again, or send stale=ok to search without it."
    )
