"""Name the state of a ticket by an ETag, and carry out a change only in the state that the client expects.

The ETag is the ticket's version, followed by those of the tickets that it is shown with.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from tickets.models import Ticket

VERSION = re.compile(r'"(\d+)(?:-\d+)*"')

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='Refuse the request unless the ticket has this ETag, for example `"1"`.',
)
IF_MATCH_REQUIRED = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Refuse the request unless the ticket still has this ETag; `*` changes it whatever its state is.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=True, description="The ticket's version, for If-Match."
)


class PreconditionFailed(APIException):
    """The ticket is not in the state that If-Match expects."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "version-mismatch"


class PreconditionRequired(APIException):
    """The request could undo a change of somebody else that its sender has not seen."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_code = "if-match-required"
    default_detail = "Send the ETag of the ticket as you have read it in If-Match, or `If-Match: *` for any state."


def etag_of(tickets: Iterable[Ticket]) -> str:
    """Return the ETag of a ticket that is shown with others."""
    return f'"{"-".join(str(ticket.version) for ticket in tickets)}"'


def expect_state(request: Request, ticket: Ticket, *, is_required: bool = False) -> None:
    """Raise PreconditionFailed if the request expects another state, and PreconditionRequired if it has to expect one.

    Raise ValidationError if If-Match has no ETag that can be read.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if is_required:
            raise PreconditionRequired
        return
    expected = parse_etags(header)
    if not expected:
        raise ValidationError({"If-Match": ['This header has no ETag; send one such as "1", in quotation marks.']})
    if expected != ["*"] and str(ticket.version) not in {_version_in(tag) for tag in expected}:
        raise PreconditionFailed(_mismatch(ticket, expected))


def _mismatch(ticket: Ticket, expected: Sequence[str]) -> str:
    if any(tag.startswith("W/") for tag in expected):
        return "If-Match compares strong ETags alone, as HTTP says: send the ticket's ETag without W/"
    return f"the ticket has version {ticket.version}, not {', '.join(expected)}; read it again"


def _version_in(tag: str) -> str:
    found = VERSION.fullmatch(tag)
    return found[1] if found else ""
