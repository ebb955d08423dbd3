"""Disconnect clients that do not read, so that a long response to one of them holds no resources."""

import asyncio
import os
import socket
from contextlib import suppress

import psutil
from django.core.exceptions import RequestAborted

from config.web.asgi_types import Application, Message, Receive, Scope, Send
from events.conf import conf


def cut_off_slow_clients(application: Application) -> Application:
    """Wait at most EVENTS_FEED_PATIENCE_SECONDS for a client to take each part of a response."""

    async def with_time_limit(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(conf.feed_patience_seconds):
                    await send(message)
            except TimeoutError as error:
                if scope.get("client"):
                    await asyncio.to_thread(_hang_up, *scope["client"])
                raise RequestAborted from error  # Django treats it like a client that has disconnected.

        await application(scope, receive, send_in_time)

    return with_time_limit


def _hang_up(host: str, port: int | str) -> None:
    """Shut down the connection; otherwise the web server waits for ever until the client takes what was sent."""
    for connection in psutil.Process().net_connections(kind="tcp"):
        if connection.raddr == (host, int(port)):  # granian gives the port as text.
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fd)) as found:
                found.shutdown(socket.SHUT_RDWR)
