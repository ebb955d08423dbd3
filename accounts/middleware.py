"""Note who has come in, after each request, when its transaction has ended."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts import security_log
from accounts.exceptions import NotTried
from accounts.log_in.views import not_tried
from accounts.tokens import authentication
from events.feed.threads import in_thread

logger = logging.getLogger(__name__)

READS = {
    "ticket": "ticket",
    "ticket-detail": "ticket",
    "ticket-pdf": "ticket",
    "ticket-png": "ticket",
    "check_in_ticket": "ticket",
    "undo_check_in_ticket": "ticket",
    "correct_ticket": "ticket",
    "cancel_ticket": "ticket",
    "void_ticket": "ticket",
    "reinstate_ticket": "ticket",
    "admin:tickets_ticket_change": "ticket",
    "admin:tickets_job_change": "job",
    "admin:tickets_job_confirm": "tickets of a job",
    "admin:tickets_ticket_export": "export of tickets",
    "admin:tickets_ticket_history": "history of a ticket",
    "admin:tickets_ticket_cancel": "ticket",
    "admin:tickets_ticket_void": "ticket",
    "admin:tickets_ticket_check_in": "ticket",
    "admin:tickets_ticket_undo_check_in": "ticket",
    "admin:tickets_ticket_correct": "ticket",
    "admin:tickets_ticket_reinstate": "ticket",
    "admin:events_logentry_change": "event",
    "admin:events_logentry_way": "event",
    "admin:events_deadletter_change": "dead letter",
    "admin:events_deadletter_edit": "dead letter",
    "admin:events_deadletteraction_change": "action on a dead letter",
}
"""The calls that show what belongs to one person, by the names of their URLs."""
SHOWING = {"GET": {HTTPStatus.OK}, "POST": {HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}}
"""A POST that changes nothing is answered with the page."""


class AccountsMiddleware:
    """Note the use of tokens, and write what the security log has of each request."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer(request)
        with security_log.lines_about(request):
            response: HttpResponseBase = self.get_response(request)
            _note(request, response)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with security_log.lines_about(request):
            response: HttpResponseBase = await self.get_response(request)
            if _has_token(request):
                await in_thread(_note_token, request)
            _note_answer(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a log-in that was not tried, whichever view it was in."""
        return not_tried(request, error) if isinstance(error, NotTried) else None


def _has_token(request: HttpRequest) -> bool:
    return authentication.REFUSED in request.META or getattr(request, "auth", None) is not None


def _note(request: HttpRequest, response: HttpResponseBase) -> None:
    if _has_token(request):
        _note_token(request)
    _note_answer(request, response)


def _note_token(request: HttpRequest) -> None:
    try:
        authentication.note(request)
    except DatabaseError as error:
        logger.warning("the use of a token could not be noted: %s", error)


def _note_answer(request: HttpRequest, response: HttpResponseBase) -> None:
    """Write who was refused, and who has read what of persons."""
    called = request.resolver_match
    if response.status_code == HTTPStatus.FORBIDDEN:
        security_log.write("refused", level=logging.WARNING, method=request.method, path=request.path)
    elif response.status_code == HTTPStatus.UNAUTHORIZED and authentication.REFUSED not in request.META:
        security_log.write("not_logged_in", level=logging.WARNING, method=request.method, path=request.path)
    elif called and called.view_name in READS and response.status_code in SHOWING.get(request.method or "", ()):
        security_log.write("read", what=READS[called.view_name], which=",".join(map(str, called.kwargs.values())))
