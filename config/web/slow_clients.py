"""Cut off clients that do not read: whoever asked for a long answer and is gone, or asleep, must hold nothing here."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import psutil
from django.core.exceptions import RequestAborted

from events.conf import conf

type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def cut_off_slow_clients(application: Application) -> Application:
    """Let a part of an answer wait EVENTS_FEED_PATIENCE_SECONDS at most until the client has room for it."""

    async def patient(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(conf.feed_patience_seconds):
                    await send(message)
            except TimeoutError as error:
                if scope.get("client"):
                    await asyncio.to_thread(_hang_up, *scope["client"])
                raise RequestAborted from error  # For Django the same as a client that has hung up.

        await application(scope, receive, send_in_time)

    return patient


def _hang_up(host: str, port: int | str) -> None:
    """Shut the connection down; the web server would wait for ever until what is on its way was taken."""
    for connection in psutil.Process().net_connections(kind="tcp"):
        if connection.raddr == (host, int(port)):  # granian names it in words.
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fd)) as found:
                found.shutdown(socket.SHUT_RDWR)
