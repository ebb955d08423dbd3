"""Look at a request's user anew, for an answer that goes on for long."""

import copy
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest


def with_fresh_user(request: HttpRequest) -> HttpRequest:
    """Return a copy that looks up the session and the user's permissions again; the request itself caches them."""
    fresh = copy.copy(request)
    vars(fresh).pop("_cached_user", None)
    for middleware in (SessionMiddleware, AuthenticationMiddleware):
        middleware(_nothing).process_request(fresh)
    return fresh


def _nothing(_: HttpRequest) -> Any:
    """Stand in for the next handler, which a middleware must be given; it is never called."""
