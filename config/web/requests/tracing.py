"""Trace each request: its span is the parent of what it stores, searches and appends.

A `traceparent` of the client is continued, so that a trace may begin in a browser or another service.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from events import tracing
from events.tracing import Kind, Span

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
OTHER = "_OTHER"
"""A client may send any word as a method."""


class TracingMiddleware:
    """Comes first, and is left out while nothing is traced. Attributes have the route, but no query and no user."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if not tracing.is_on():
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer(request)
        if _is_probe(request):
            response: HttpResponseBase = self.get_response(request)
            return response
        with _span(request) as span:
            response = self.get_response(request)
            _describe(span, request, response)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if _is_probe(request):
            response: HttpResponseBase = await self.get_response(request)
            return response
        with _span(request) as span:
            response = await self.get_response(request)
            _describe(span, request, response)
        return response


def _is_probe(request: HttpRequest) -> bool:
    return request.path.lstrip("/") in settings.PROBED_PATHS


def _span(request: HttpRequest) -> Any:
    method = request.method if request.method in METHODS else OTHER
    parent = request.headers.get("traceparent", "")
    return tracing.span(method, kind=Kind.SERVER, parent=parent, http__request__method=method)


def _describe(span: Span, request: HttpRequest, response: HttpResponseBase) -> None:
    route = request.resolver_match.route if request.resolver_match else ""
    if route and request.method in METHODS:
        span.rename(f"{request.method} {route}")
    span.set(http__route=route, http__response__status_code=response.status_code)
    span.set(request_id=str(getattr(request, "correlation_id", "")))
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(response.status_code))
