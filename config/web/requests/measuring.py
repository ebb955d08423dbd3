"""Count requests, and time them, by the template of their address: there are few of these, and as many addresses as
somebody likes to ask for.
"""

import time

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from config.measurements import REQUEST_SECONDS, REQUESTS

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NONE, OTHER = "none", "other"


class MeasuringMiddleware(MiddlewareMixin):
    """Comes first, so that it times the flush after the commit too. A streamed body is timed up to its beginning."""

    def process_request(self, request: HttpRequest) -> None:
        vars(request)["measured_from"] = time.monotonic()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        method = request.method if request.method in METHODS else OTHER
        route = request.resolver_match.route if request.resolver_match else NONE
        REQUESTS.add(1, method or OTHER, route or "/", str(response.status_code))
        REQUEST_SECONDS.note(time.monotonic() - vars(request)["measured_from"], method or OTHER, route or "/")
        return response
