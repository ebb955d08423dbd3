"""Connect only to public addresses, and to exactly the address that was checked.

A name is resolved once for each connection, because a second resolution could return another address than the one that
was checked. TLS still verifies the name; only the connection below it uses the address.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from events.processes.optional_packages import without_packages
from tickets.webhooks.addresses import is_public

with without_packages("trio"):  # httpcore could work with it too.
    import httpcore

__all__ = ["CheckedNetwork", "httpcore"]

type Found = list[IPv4Address | IPv6Address]


class CheckedNetwork(httpcore.AnyIOBackend):
    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._look_ups: dict[tuple[str, int], asyncio.Future[Found]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the name's first allowed address that answers; raise ConnectError or ConnectTimeout."""
        failure: Exception = httpcore.ConnectError(
            f"{host} has no public address; set ACCESS_SYSTEM_ALLOW_PRIVATE=true to allow a private one"
        )
        for address in await self._addresses(host, port):
            if not (self._allow_private or is_public(address)):
                continue
            try:
                return await super().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> Found:
        """Look the name up; one look-up at a time, since each that hangs keeps a thread."""
        look_up = self._look_ups.get((host, port))
        if look_up is None:
            look_up = self._look_ups[host, port] = asyncio.ensure_future(_look_up(host, port))
            look_up.add_done_callback(lambda _: self._look_ups.pop((host, port)))
        return await asyncio.shield(look_up)


async def _look_up(host: str, port: int) -> Found:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} has no address: {error}") from error
    return [ip_address(address[0]) for *_, address in found]
