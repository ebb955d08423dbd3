"""Bound what requests take of this process, however many there are and however their clients behave.

It runs in the event loop, before Django, so that what is refused takes neither a thread nor a file.
"""

import asyncio
import json
from functools import cache
from http import HTTPStatus

from django.conf import settings
from django.utils import translation
from django.utils.csp import build_policy

from config.measurements import REQUESTS_IN_FLIGHT, REQUESTS_REFUSED
from config.web.answers.error_pages import error_page
from config.web.answers.problems import API, PROBLEM_CONTENT_TYPE
from config.web.asgi_types import Application, Message, Receive, Scope, Send
from config.web.health.views import LIVENESS_PATH, answer_liveness
from config.web.limits.places import PLACE, Place
from config.web.limits.request_body import IDENTITY, Memory, Refused, RequestBody, header
from config.web.requests.language import language_in
from tickets.api.problem_details import problem

type Answer = tuple[bytes, list[tuple[bytes, bytes]]]
"""A body and headers."""

RETRY_SECONDS = 5
BEFORE_THE_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
DISCARD_SECONDS = 2.0
"""How long a client that was refused before its body was read may go on sending it, so that it reads why."""


def limited(application: Application) -> Application:
    """Serve requests within the limits WEB_* of the settings; /healthz is answered here, without a thread."""
    free, memory = asyncio.Semaphore(settings.WEB_REQUESTS_AT_ONCE), Memory()

    async def with_limits(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == LIVENESS_PATH:
            return await answer_liveness(scope, send)
        body, place = RequestBody(scope, receive, memory), Place(free)
        try:
            content = await body.read()
            if await place.take(body.disconnection()):
                with REQUESTS_IN_FLIGHT.raised():
                    await application(scope | {PLACE: place}, _messages(content, body), send)
        except Refused as refused:
            REQUESTS_REFUSED.add(1, str(refused.status.value))
            await _refuse(refused, scope, body, send)
        finally:
            place.give_back()
            body.close()

    return with_limits


def _messages(content: bytes, body: RequestBody) -> Receive:
    """Give the application the body that was read, and then that its client has disconnected."""
    read = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> Message:
        return next(read, None) or await body.disconnection()

    return receive


async def _refuse(refused: Refused, scope: Scope, body: RequestBody, send: Send) -> None:
    """Answer with a problem or a page. The web server closes the connection if the body has not arrived completely."""
    content, headers = _problem(refused) if scope["path"].startswith(API) else _page(refused, scope)
    headers = [*headers, (b"content-length", str(len(content)).encode())]
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if refused.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers.append((b"accept-encoding", IDENTITY))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    if refused.status in BEFORE_THE_BODY and not header(scope, b"expect"):
        await body.discard(seconds=DISCARD_SECONDS)
    await send({"type": "http.response.body", "body": b""})


def _problem(refused: Refused) -> Answer:
    return json.dumps(problem(refused.status, str(refused))).encode(), [
        (b"content-type", PROBLEM_CONTENT_TYPE.encode())
    ]


def _page(refused: Refused, scope: Scope) -> Answer:
    policy = build_policy(settings.SECURE_CSP).encode()  # The page has a style of the service's own.
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)]
    accepted, cookies = (header(scope, name).decode("latin-1") for name in (b"accept-language", b"cookie"))
    language = language_in(accepted, cookies)
    with translation.override(language):
        return _rendered(refused.status, refused.detail(), language), headers


@cache
def _rendered(status: HTTPStatus, detail: str, language: str) -> bytes:  # noqa: ARG001 (the page is in it)
    """Render a page once: the event loop has no time for it at each of many requests."""
    return error_page(status, detail).encode()
