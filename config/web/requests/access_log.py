"""Write a line for each request, by which its other lines and those of its events can be found."""

import logging
import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.encoding import escape_uri_path

from accounts import security_log
from config.web.requests.addresses import client_address

logger = logging.getLogger(__name__)


class AccessLogMiddleware(MiddlewareMixin):
    """Name the request without its query, which may have names of persons. Probes are left out: they never end."""

    def process_request(self, request: HttpRequest) -> None:
        vars(request)["came_at"] = time.monotonic()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path.lstrip("/") not in settings.PROBED_PATHS:
            milliseconds = (time.monotonic() - vars(request)["came_at"]) * 1000
            status, address = response.status_code, client_address(request)
            # Escaped, a path can't imitate the rest of the line, or have a line of its own.
            words = (request.method, escape_uri_path(request.path), status, milliseconds, address)
            logger.info("%s %s: %d in %.0f ms for %s", *words, extra=_fields(request, status, milliseconds))
        return response


def _fields(request: HttpRequest, status: int, milliseconds: float) -> dict[str, Any]:
    """Return what a log of fields has of the request. A user has an id there, and no name."""
    called = request.resolver_match
    return {
        "request_id": getattr(request, "correlation_id", None),
        "method": request.method,
        "path": request.path,
        "route": called.route if called else None,
        "status": status,
        "duration_ms": round(milliseconds, 1),
        "address": client_address(request),
        "user_id": getattr(security_log.user_of(request), "pk", None),
    }
