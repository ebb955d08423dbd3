"""Search the tickets over REST."""

from http import HTTPStatus

from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.exceptions import RetryLater, TargetLost
from readmodel.search import InvalidSearch, SearchQuery, search
from readmodel.serializers import SearchPageSerializer, SearchParameters, page_as_json


class SearchUnavailable(APIException):
    """Elasticsearch does not answer, or has no index yet; the tickets themselves are not concerned."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "search-unavailable"
    default_detail = "The search does not answer now. Tickets can be issued, checked in and canceled all the same."
    wait = 5  # DRF's handler makes Retry-After of it


# Nothing is written, and a slow search is no reason to hold a transaction open.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class TicketSearch(APIView):
    """Search the tickets as the read model has them, about a second behind."""

    required_permission = "tickets.view_ticket"

    @extend_schema(
        operation_id="search_tickets",
        parameters=[SearchParameters],
        responses={
            HTTPStatus.OK: SearchPageSerializer,
            HTTPStatus.BAD_REQUEST: OpenApiResponse(description="A parameter does not fit; the problem names it."),
            HTTPStatus.NOT_FOUND: OpenApiResponse(description="There are fewer pages."),
            HTTPStatus.SERVICE_UNAVAILABLE: OpenApiResponse(description="The search does not answer; see Retry-After."),
        },
    )
    def get(self, request: Request) -> Response:
        parameters = SearchParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        try:
            page = search(SearchQuery(**parameters.validated_data))
        except InvalidSearch as error:
            raise ValidationError({error.parameter: [error.message]}) from error
        except (RetryLater, TargetLost) as error:
            raise SearchUnavailable from error
        if page.is_beyond_the_last:
            raise NotFound(f"There is no page {page.query.page} of {page.count:,} tickets.")
        return Response(page_as_json(page, request))
