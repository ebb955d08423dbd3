"""Redirect to the address with a slash at its end, so that a client repeats its request there as it was."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware import common
from django.utils.http import escape_leading_slashes


class SamePermanentRedirect(HttpResponsePermanentRedirect):
    """A redirect that keeps method and body; after a 301 most clients turn POST into GET."""

    status_code = HTTPStatus.PERMANENT_REDIRECT


class CommonMiddleware(common.CommonMiddleware):
    response_redirect_class = SamePermanentRedirect

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        """Return the address with a slash; Django's own raises an error for a POST while DEBUG is on."""
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))
