"""Check the Host header of each request, except those of probes."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.web import slashes


class CommonMiddleware(slashes.CommonMiddleware):
    """A probe may ask a process by whatever address it has: none of these answers depends on it."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        if request.path.lstrip("/") in settings.PROBED_PATHS:
            return None
        response: HttpResponseBase | None = super().process_request(request)
        return response
