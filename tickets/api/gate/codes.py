"""Answer which codes are valid, for gates whose devices have no network for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.feed.cursor import CursorRefused, MalformedCursor
from tickets.api.filters import filtered
from tickets.api.parameters import DayOrTimeField, LimitField, read_parameters
from tickets.gate.code_list import Place, read_page
from tickets.models import Status, Ticket
from tickets.values.texts import normalized

FILTERS = ("venue", "starts_from", "starts_to")


class ListOutdated(APIException):
    """The log is not the one in which the list began: the database was restored, or has other partitions."""

    status_code = HTTPStatus.GONE
    default_code = "list-outdated"
    default_detail = "This list can't be continued. Begin again without `since`."


class CodeListParameters(serializers.Serializer[Any]):
    """Of which tickets, and from where on."""

    since = serializers.CharField(
        required=False, min_length=1, help_text="`next` of the last answer. Without it a new list begins."
    )
    venue = serializers.CharField(required=False, min_length=1, help_text="Only tickets of this venue.")
    starts_from = DayOrTimeField(required=False, help_text="As in the list of tickets.")
    starts_to = DayOrTimeField(required=False, help_text="As in the list of tickets.")
    limit = LimitField(min_value=1, max_value=5_000, default=1_000, help_text="The most codes to answer.")

    def validate_venue(self, venue: str) -> str:
        return normalized(venue)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The first page",
            {
                "salt": "9f86d081884c7d659a2feaa0c55ad015",
                "codes": {"Wd4Nq0uFzJ3m0a1B": "issued", "p7HcMz2LxV9kQe_s": "canceled"},
                "next": "9f86d081884c7d659a2feaa0c55ad015.1b4f0e98.MTc6NGY1YTZi.",
                "has_more": False,
            },
            response_only=True,
        )
    ]
)
class CodeListSerializer(serializers.Serializer[Any]):
    """Some codes of the list, hashed, with the statuses of their tickets."""

    salt = serializers.CharField(help_text="Of this list.")
    codes = serializers.DictField(
        child=serializers.ChoiceField(choices=Status.choices),
        help_text="The status by the hash of the code: the first 12 bytes of the SHA-256 of salt, dot and code, in "
        "URL-safe base64. The code is in upper case, without hyphens. A status replaces the one of earlier pages.",
    )
    next = serializers.CharField(help_text="Send it as `since`, at once or later, to get what follows or has changed.")
    has_more = serializers.BooleanField(help_text="Whether there is more already.")


class Codes(APIView):
    """The codes of tickets for devices of gates."""

    required_permission = "tickets.check_in_ticket"

    @extend_schema(
        tags=["Gate"],
        operation_id="list_gate_codes",
        summary="List valid and void codes since a cursor",
        parameters=[CodeListParameters],
        responses=CodeListSerializer,
    )
    def get(self, request: Request) -> Response:
        """List the codes of tickets as hashes with their statuses: first all, then what has changed `since`.

        No change is left out, however late it was committed. There is no data of a person in the list.
        """
        parameters = read_parameters(request, CodeListParameters)
        filters = {name: parameters[name] for name in FILTERS if name in parameters}
        with _refused_cursors():
            place = Place.parse(parameters["since"], filters) if "since" in parameters else Place.first(filters)
            page = read_page(place, filtered(Ticket.objects.all(), filters), limit=parameters["limit"])
        return Response({"salt": place.salt, "codes": page.statuses, "next": str(page.next), "has_more": page.has_more})


@contextmanager
def _refused_cursors() -> Iterator[None]:
    try:
        yield
    except MalformedCursor as error:
        raise ValidationError({"since": [str(error)]}) from error
    except CursorRefused as error:
        raise ListOutdated from error
