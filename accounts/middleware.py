"""Note who has come in, after each request, when its transaction has ended."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts import authentication, security_log
from accounts.exceptions import NotTried
from accounts.views import not_tried
from events.feed.threads import in_thread

logger = logging.getLogger(__name__)


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
            _note(request)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with security_log.lines_about(request):
            response: HttpResponseBase = await self.get_response(request)
            if _has_token(request):
                await in_thread(_note, request)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a log-in that was not tried, whichever view it was in."""
        return not_tried(request, error) if isinstance(error, NotTried) else None


def _has_token(request: HttpRequest) -> bool:
    return authentication.REFUSED in request.META or getattr(request, "auth", None) is not None


def _note(request: HttpRequest) -> None:
    try:
        authentication.note(request)
    except DatabaseError as error:
        logger.warning("the use of a token could not be noted: %s", error)
