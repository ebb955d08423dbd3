"""Answer errors of the REST interface as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from rest_framework import exceptions
from rest_framework.fields import get_error_detail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from events.exceptions import VersionTaken
from tickets.api.problem_details import problem
from tickets.api.visibility import may_see_tickets
from tickets.exceptions import (
    AlreadyCanceled,
    AlreadyCheckedIn,
    ConcurrentChange,
    NonceReused,
    NotGenuine,
    TicketError,
    TransitionRefused,
    UnknownCode,
)

PROBLEM_CONTENT_TYPE = "application/problem+json"
API = "/api/"
LOST_RACES = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock time-out
    "SQLITE_BUSY",
}
LOST_RACE = "Another request changed the same data at the same time. Nothing was changed; try again."
INVALID = "Some fields are invalid; `errors` says which and why."


class Conflict(exceptions.APIException):
    """The request contradicts what is stored."""

    status_code = HTTPStatus.CONFLICT
    default_code = TransitionRefused.kind


class ConcurrentConflict(Conflict):
    """Another request changed the same data; a retry may succeed."""

    default_code = ConcurrentChange.kind


class CheckedInConflict(Conflict):
    """Somebody was let in with the ticket before."""

    default_code = AlreadyCheckedIn.kind


class CanceledConflict(Conflict):
    """Nobody is let in with a canceled ticket."""

    default_code = AlreadyCanceled.kind


class NoSuchCode(exceptions.NotFound):
    """There is no ticket with the code."""

    default_code = UnknownCode.kind


class Unacceptable(exceptions.APIException):
    """The QR code's text was not signed by this service."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = NotGenuine.kind


class SameNonce(Unacceptable):
    """The nonce belongs to the check-in of another ticket."""

    default_code = NonceReused.kind


ANSWERS: Mapping[type[TicketError], type[exceptions.APIException]] = {
    TransitionRefused: Conflict,
    ConcurrentChange: ConcurrentConflict,
    AlreadyCheckedIn: CheckedInConflict,
    AlreadyCanceled: CanceledConflict,
    NonceReused: SameNonce,
    UnknownCode: NoSuchCode,
    NotGenuine: Unacceptable,
}


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a REST view as a problem; DRF's own handler rolls the request's transaction back."""
    known = _as_api_exception(error, context)
    response = exception_handler(known, context)
    if response is None:
        return None
    if isinstance(known, exceptions.ValidationError):
        response.data = problem(response.status_code, INVALID, errors=_by_field(known.detail))
    else:
        facts = getattr(error, "facts", {})
        detail = f"{response.data['detail']}{_advice_on(known, context)}"
        response.data = problem(response.status_code, detail, kind=_kind_of(known), **facts)
    response.content_type = PROBLEM_CONTENT_TYPE
    return response


class LostRaceMiddleware(MiddlewareMixin):
    """Answer 409 if the database let another transaction win, also at the start or the commit of a transaction."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.path.startswith(API) and is_lost_race(error):
            return respond(problem(HTTPStatus.CONFLICT, LOST_RACE, kind=ConcurrentConflict.default_code))
        return None


def is_lost_race(error: Exception) -> bool:
    """Return whether another transaction won, so that a retry may succeed."""
    if isinstance(error, VersionTaken):
        return True
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    return bool(LOST_RACES & {getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)})


def _as_api_exception(error: Exception, context: dict[str, Any]) -> Exception:
    if isinstance(error, ValidationError):
        return exceptions.ValidationError(get_error_detail(error))
    if isinstance(error, TicketError) and (answer := ANSWERS.get(type(error))):
        return answer(_told(error, context["request"]))
    if isinstance(error, VersionTaken):
        return ConcurrentConflict(str(error))
    return error


def _advice_on(error: Exception, context: dict[str, Any]) -> str:
    """Return what REST framework leaves out: what to send instead."""
    if isinstance(error, exceptions.UnsupportedMediaType):
        return " Send JSON, with `Content-Type: application/json`."
    if isinstance(error, exceptions.NotAcceptable):
        types = ", ".join(renderer.media_type for renderer in context["view"].renderer_classes)
        return f" There is {types}: name it, or leave the header out."
    return ""


def _told(error: TicketError, request: Request) -> str:
    return str(error) if may_see_tickets(request) else error.outline


def _kind_of(error: Exception) -> str:
    """Return the error's code if it is one of ours, which have a hyphen; DRF's codes only repeat the status."""
    code = getattr(error, "default_code", "")
    return code if "-" in code else ""


def _by_field(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}


def respond(answer: dict[str, Any]) -> HttpResponse:
    return JsonResponse(answer, status=answer["status"], content_type=PROBLEM_CONTENT_TYPE)
