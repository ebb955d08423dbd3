"""Give each request a collector, which puts the request's id, user and trace into the envelopes of its events."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from events.consistency_token import HEADER, token_of
from events.recording.collector import Collector, collecting
from events.recording.streaming_responses import close_async, collect_stream

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}")
"""Nothing that a program which reads the log could take for more than a word."""
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class CollectorMiddleware:
    """Open a collector around the view, and return the request's id in X-Request-ID.

    The Consistency-Token header names what the view has committed, but not what a streamed body commits afterwards.
    The middleware opens no transaction: the project sets ATOMIC_REQUESTS, or its views open their own.
    """

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
        collector = _collector_of(request)
        try:
            with collecting(collector):
                response: HttpResponseBase = self.get_response(request)
        finally:
            collector.close()
        return _answered(response, collector, _token_of(collector))

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        collector = _collector_of(request)
        try:
            with collecting(collector):
                response: HttpResponseBase = await self.get_response(request)
        finally:
            await close_async(collector)
        token = await sync_to_async(_token_of)(collector) if collector.recorded else ""
        return _answered(response, collector, token)


def _collector_of(request: HttpRequest) -> Collector:
    def actor() -> str:
        # Called when an event is recorded: a REST view authenticates later than the middleware.
        return request.user.get_username() if hasattr(request, "user") and request.user.is_authenticated else ""

    collector = Collector(
        correlation_id=_header(request, "X-Request-ID", REQUEST_ID),
        traceparent=_header(request, "traceparent", TRACEPARENT),
        actor=actor,
    )
    request.correlation_id = collector.correlation_id  # type: ignore[attr-defined]  # For CorrelationFilter.
    return collector


def _header(request: HttpRequest, name: str, pattern: re.Pattern[str]) -> str:
    value = request.headers.get(name, "")
    return value if pattern.fullmatch(value) else ""


def _token_of(collector: Collector) -> str:
    try:
        return token_of(collector)
    except Error as error:
        logger.warning("a response goes without its consistency token: %s", error)
        return ""  # The events that it would have named are committed all the same.


def _answered(response: HttpResponseBase, collector: Collector, token: str) -> HttpResponseBase:
    response["X-Request-ID"] = collector.correlation_id
    if token:
        response[HEADER] = token
    collect_stream(response, collector)
    return response
