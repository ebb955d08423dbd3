"""Search the tickets over REST."""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.exceptions import InvalidSearch, PointInTimeLost, SearchRefused, TooManyCursors
from readmodel.search.open_searches import KEEP_ALIVE_SECONDS
from readmodel.tickets.api.consistency import CONSISTENCY, CONSISTENCY_TOKEN, consistently
from readmodel.tickets.api.parameters import read_parameters, refuse_beside_a_cursor
from readmodel.tickets.api.responses import cursor_page_as_json, page_as_json, suggestions_as_json
from readmodel.tickets.api.serializers import (
    SearchPageSerializer,
    SearchParameters,
    SuggestionParameters,
    SuggestionsSerializer,
)
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import continue_search, search, start_search
from readmodel.tickets.search.suggestions import suggest


class SearchUnavailable(APIException):
    """Elasticsearch does not answer, or has no index yet; the tickets themselves can be used."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "search-unavailable"
    default_detail = "The search does not answer now; try again later. Tickets can still be issued and changed."
    wait = 5  # DRF sends it as Retry-After.


class TooManySearches(APIException):
    """The user follows as many searches by cursors as one user may."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "too-many-cursors"
    wait = KEEP_ALIVE_SECONDS  # Cursors that nobody follows end by then.


class SearchExpired(APIException):
    """The state of the tickets in which the search began is no longer kept."""

    status_code = HTTPStatus.GONE
    default_code = "search-expired"
    default_detail = (
        "This cursor has expired: it is valid for 2 minutes after its page, and until the last page was read. "
        "Start again, with an empty cursor."
    )


@contextmanager
def _errors_answered() -> Generator[None]:
    try:
        yield
    except InvalidSearch as error:
        raise ValidationError({parameter: [message] for parameter, message in error.errors.items()}) from error
    except Unprocessable as error:
        # The limits of SearchQuery are below Elasticsearch's, but an operator may have lowered one of those.
        raise ValidationError(["This search is too large for Elasticsearch; use fewer words or filters."]) from error
    except TooManyCursors as error:
        raise TooManySearches(str(error)) from error
    except PointInTimeLost as error:
        raise SearchExpired from error
    except SearchRefused as error:
        raise SearchUnavailable(str(error)) from error
    except (RetryLater, TargetLost) as error:
        raise SearchUnavailable from error


BAD_REQUEST = OpenApiResponse(description="Parameters are invalid or unknown; the problem's `errors` name them.")
UNAVAILABLE = OpenApiResponse(description="The search does not answer, or lacks the token's writes; see Retry-After.")


# The view writes nothing, so a slow search must not hold a transaction open.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class TicketSearch(APIView):
    """Search the tickets in the read model, which is about a second behind."""

    required_permission = "tickets.view_ticket"
    scope = "search"

    @extend_schema(
        tags=["Search"],
        summary="Search tickets",
        operation_id="search_tickets",
        parameters=[SearchParameters, CONSISTENCY_TOKEN, CONSISTENCY],
        responses={
            HTTPStatus.OK: SearchPageSerializer,
            HTTPStatus.BAD_REQUEST: BAD_REQUEST,
            HTTPStatus.NOT_FOUND: OpenApiResponse(description="There is no page with this number."),
            HTTPStatus.TOO_MANY_REQUESTS: OpenApiResponse(
                description="You follow too many cursors, or send too many requests; see Retry-After."
            ),
            HTTPStatus.GONE: OpenApiResponse(description="The cursor has expired: start again with an empty one."),
            HTTPStatus.SERVICE_UNAVAILABLE: UNAVAILABLE,
        },
    )
    def get(self, request: Request) -> Response:
        parameters = read_parameters(request, SearchParameters)
        with _errors_answered():
            if cursor := parameters.pop("cursor", None):
                refuse_beside_a_cursor(request)
                return Response(cursor_page_as_json(continue_search(cursor), request))
            stale_is_fine = bool(parameters.pop("stale", ""))
            answer = _first_of_all if "cursor" in request.query_params else _numbered
            return consistently(request, lambda: answer(parameters, request), stale_is_fine=stale_is_fine)


def _numbered(parameters: dict[str, Any], request: Request) -> Response:
    page = search(SearchQuery(**parameters))
    if page.is_beyond_the_last:
        raise NotFound(f"There is no page {page.query.page}: the number of tickets found is {page.count:,}.")
    return Response(page_as_json(page, request))


def _first_of_all(parameters: dict[str, Any], request: Request) -> Response:
    return Response(
        cursor_page_as_json(start_search(_first_of(parameters, request), user=str(request.user.pk)), request)
    )


def _first_of(parameters: dict[str, object], request: Request) -> SearchQuery:
    if "page" in request.query_params:
        raise InvalidSearch({"page": "Give either a page number or a cursor, not both."})
    return SearchQuery(**parameters)  # type: ignore[arg-type]


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class TicketSuggestions(APIView):
    """Suggest up to ten texts to search for while the user types."""

    required_permission = "tickets.view_ticket"
    scope = "search"

    @extend_schema(
        tags=["Search"],
        summary="Suggest texts to search for",
        operation_id="suggest_tickets",
        parameters=[SuggestionParameters, CONSISTENCY_TOKEN, CONSISTENCY],
        responses={
            HTTPStatus.OK: SuggestionsSerializer,
            HTTPStatus.BAD_REQUEST: BAD_REQUEST,
            HTTPStatus.SERVICE_UNAVAILABLE: UNAVAILABLE,
        },
    )
    def get(self, request: Request) -> Response:
        parameters = read_parameters(request, SuggestionParameters)
        with _errors_answered():
            return consistently(
                request,
                lambda: Response(suggestions_as_json(suggest(parameters.get("q", "")))),
                stale_is_fine="stale" in parameters,
            )
