"""Bound how many requests of a process work at once; each of them has a thread."""

import asyncio
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from config.web.limits.request_body import Refused

PLACE = "tickets.place"
"""The key of a request's place in the ASGI scope."""
LOOK_TWICE = 2
"""The event loop asks the web server in its first turn, and hears the answer in the second."""
BUSY = gettext_noop("The server has as many requests as it can work on; try again later.")

type Disconnection = asyncio.Future[Any]


class Place:
    """The right of one request to a thread; `free` counts the places that are left."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._is_taken = False

    async def take(self, disconnection: Disconnection) -> bool:
        """Wait for a place, in the order of arrival; return False if the client disconnects meanwhile.

        Raise Refused after WEB_QUEUE_SECONDS.
        """
        for _ in range(LOOK_TWICE):
            await asyncio.sleep(0)  # A client that hung up long ago is noticed now, before it costs more.
        if disconnection.done():
            return False
        self._is_taken = await (self._turn_comes(disconnection) if self._free.locked() else self._free.acquire())
        return self._is_taken

    def give_back(self) -> None:
        """Let another request work: this one has ended, or waits without a thread."""
        if self._is_taken:
            self._is_taken = False
            self._free.release()

    async def _turn_comes(self, disconnection: Disconnection) -> bool:
        turn = asyncio.ensure_future(self._free.acquire())
        await asyncio.wait(
            {turn, disconnection}, timeout=settings.WEB_QUEUE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if turn.done():
            return True
        turn.cancel()
        if disconnection.done():
            return False
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)


def give_back_place(request: HttpRequest) -> None:
    """Let another request work while this one waits without a thread; only ASGI requests have a place."""
    place: Place | None = getattr(request, "scope", {}).get(PLACE)
    if place:
        place.give_back()
