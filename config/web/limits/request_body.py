"""Receive the body of a request within a time and a size, and know when its client is gone."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from config.web.asgi_types import Message, Receive, Scope
from tickets.csv_import.permits import has_permit

DISCONNECT = "http.disconnect"
UPLOAD = b"multipart/form-data"
IDENTITY = b"identity"
UNENCODED = (b"", IDENTITY)
BULK = "/api/tickets/bulk/"
SMALL_BYTES = 65_536
"""So much of each body is not counted, so that ordinary requests succeed while others fill the memory."""


class Refused(Exception):
    """The process does not serve the request."""

    def __init__(self, status: HTTPStatus, text: str, **values: str) -> None:
        """`text` has places for the values, and is marked for translation."""
        super().__init__(text % values)
        self.status = status
        self._text = text
        self._values = values

    def detail(self) -> str:
        """Return the reason in the current language."""
        return gettext(self._text) % self._values


class Limit(NamedTuple):
    bytes: int
    seconds: float


def limit_of(scope: Scope) -> Limit:
    """Return what a request's body may take: a file of somebody who may import files, and a list of ids, are larger."""
    is_upload = header(scope, b"content-type").lower().startswith(UPLOAD)
    if is_upload and has_permit(scope["query_string"]):
        return Limit(settings.WEB_UPLOAD_BYTES, settings.WEB_UPLOAD_SECONDS)
    if scope["path"] == BULK:
        return Limit(settings.WEB_BULK_BYTES, settings.WEB_BODY_SECONDS)
    return Limit(settings.WEB_BODY_BYTES, settings.WEB_BODY_SECONDS)


def header(scope: Scope, name: bytes) -> bytes:
    return next((value for found, value in scope["headers"] if found == name), b"")


def is_encoded(scope: Scope) -> bool:
    """Tell whether the body is compressed, by any of the headers' encodings: a client may send several headers."""
    values = (value for found, value in scope["headers"] if found == b"content-encoding")
    return any(encoding.strip().lower() not in UNENCODED for value in values for encoding in value.split(b","))


class Memory:
    """The memory that the bodies of all requests take together."""

    def __init__(self) -> None:
        self._bytes = 0

    def take(self, size: int) -> None:
        """Raise Refused if there is no room for so many bytes."""
        if size and self._bytes + size > settings.WEB_BODIES_BYTES:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                gettext_noop("The server receives too many large bodies; try again later."),
            )
        self._bytes += size

    def give_back(self, size: int) -> None:
        self._bytes -= size


class RequestBody:
    """The body of one request, and the message after it: that its client has disconnected."""

    def __init__(self, scope: Scope, receive: Receive, memory: Memory) -> None:
        self._limit = limit_of(scope)
        self._declared = int(header(scope, b"content-length") or 0)
        self._is_encoded = is_encoded(scope)
        self._receive = receive
        self._memory = memory
        self._parts: list[bytes] = []
        self._size = self._counted = 0
        self._disconnection: asyncio.Future[Message] | None = None

    async def read(self) -> bytes:
        """Return the whole body; raise Refused if it is encoded, too late, too large, or broken off."""
        if self._is_encoded:
            encoded = gettext_noop("The body has a Content-Encoding, such as gzip; send it without one.")
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, encoded)
        self._refuse_beyond_limit(self._declared)
        try:
            async with asyncio.timeout(self._limit.seconds):
                is_whole = await self._read_parts()
        except TimeoutError as error:
            too_slow = gettext_noop("The body did not arrive within %(seconds)s seconds.")
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, too_slow, seconds=f"{self._limit.seconds:g}") from error
        if not is_whole:  # The client is gone, or sent chunks that the web server can't tell apart.
            raise Refused(HTTPStatus.BAD_REQUEST, gettext_noop("The body broke off, or its chunks are malformed."))
        body, self._parts = b"".join(self._parts), []
        return body

    def disconnection(self) -> asyncio.Future[Message]:
        """Return the message, still to come, that the client has disconnected; each call returns the same one."""
        if self._disconnection is None:
            self._disconnection = asyncio.ensure_future(_awaited(self._receive))
        return self._disconnection

    async def discard(self, *, seconds: float) -> None:
        """Read the rest and throw it away, for a while: many clients read no answer before they have sent all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._receive()).get("more_body"):
                    pass

    def close(self) -> None:
        self._memory.give_back(self._counted)
        if self._disconnection is not None:
            self._disconnection.cancel()

    async def _read_parts(self) -> bool:
        """Read until the end of the body; return whether it came, rather than a disconnection."""
        while True:
            message = await self._receive()
            if message["type"] == DISCONNECT:
                return False
            self._add(message.get("body", b""))
            if not message.get("more_body"):
                return True

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._refuse_beyond_limit(self._size)
        beyond = max(0, self._size - SMALL_BYTES) - self._counted
        self._memory.take(beyond)
        self._counted += beyond
        self._parts.append(part)

    def _refuse_beyond_limit(self, size: int) -> None:
        if size > self._limit.bytes:
            too_large = gettext_noop("The body is too large; send at most %(bytes)s bytes.")
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large, bytes=f"{self._limit.bytes:,}")


async def _awaited(receive: Receive) -> Message:
    return await receive()  # The web server returns an awaitable, of which asyncio makes no task.
