"""Answer a REST request no older state than its header Consistency-Token names."""

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
    description="The token of a write's response, or several separated by commas: the answer shows these writes. It "
    "may take a moment; if they do not arrive in time, the answer is 503, or with `stale=ok` what there is.",
)
CONSISTENCY = OpenApiParameter(
    "Consistency",
    str,
    OpenApiParameter.HEADER,
    response=True,
    description="`stale`: the token's writes may be missing.",
)


class InvalidConsistencyToken(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "invalid-consistency-token"


class ConsistencyNotReached(APIException):
    """The read model lags behind; it may be there in a moment."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "consistency-not-reached"
    wait = 1


class ConsistencyEventParked(APIException):
    """The read model will not get there before somebody mends the dead letter."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "consistency-event-parked"
    wait = 60


def consistently(request: Request, answer: Callable[[], Response], *, stale_is_fine: bool) -> Response:
    """Return the answer that shows what the request's token names; without a token, what there is.

    Raise an APIException for a token that is none, and, unless what is stale is fine, for one that is not reached.
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
            f"The search does not show this write: {error}. With stale=ok it answers all the same."
        )
    return ConsistencyNotReached(f"The search does not show this write yet: {error}. Try again, or with stale=ok.")
