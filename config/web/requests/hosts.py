"""Check the Host header of each request, except those of probes, and lead to the address with a slash."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import common
from django.utils.http import escape_leading_slashes


class CommonMiddleware(common.CommonMiddleware):
    """A probe may ask a process by whatever address it has: none of these answers depends on it."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        if request.path.lstrip("/") in settings.PROBED_PATHS:
            return None
        response: HttpResponseBase | None = super().process_request(request)
        return response

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        """Return the address with a slash. Django's own fails for a POST while DEBUG is on, but ours is repeated."""
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))
