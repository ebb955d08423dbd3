"""The security log: one line for each event that matters to who may do what, by the logger `security`.

A line is a name and values, as in `token_made by="ada" address="10.0.0.5" of="grace" token=7`. A line has no secrets:
no passwords, no tokens, and no name that was typed at the log-in unless it is an account's, since people type passwords
there by mistake.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject

logger = logging.getLogger("security")

_request: ContextVar[HttpRequest | None] = ContextVar("security_log_request", default=None)


@contextmanager
def lines_about(request: HttpRequest) -> Iterator[None]:
    """Give the lines that are written in the block the request's user and address."""
    entered = _request.set(request)
    try:
        yield
    finally:
        _request.reset(entered)


def write(event: str, *, level: int = logging.INFO, **values: Any) -> None:
    """Write a line. Empty values are left out."""
    if request := _request.get():
        values = {"by": known_user(request), "address": address_of(request), **values}
    known = {name: value for name, value in values.items() if value not in (None, "")}
    shown = (f"{name}={_quoted(value)}" for name, value in known.items())
    logger.log(level, "%s", " ".join([event, *shown]), extra={"security": {"event": event, **known}})


def known_user(request: HttpRequest) -> str:
    """Return the name of the request's user as far as it was looked up already."""
    user = user_of(request)
    return str(user.get_username()) if user is not None else ""


def user_of(request: HttpRequest) -> Any:
    """Return the request's user as far as it was looked up already, else None: asking costs no query."""
    user = vars(request).get("user")
    return getattr(request, "_cached_user", None) if isinstance(user, LazyObject) else user


def address_of(request: HttpRequest) -> str:
    """Return the client's address, as ForwardedMiddleware of the project has found it out."""
    return str(request.META.get("REMOTE_ADDR") or "")


def _quoted(value: Any) -> str:
    """Quote texts as JSON in ASCII: no text of a stranger begins a line or moves the cursor of a terminal."""
    return str(value) if isinstance(value, int) else json.dumps(str(value))
