"""Run proxies between hosts that can be cut off from each other: what is sent then arrives after the healing.

A host is an address of the loopback interface, from which its programs connect. Everything is one thread.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from config.supervisord.ports import LOOPBACK

CHUNK_BYTES = 65_536
CLOSING_SECONDS = 0.1
type Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Network:
    """The proxies, and who can't reach whom."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._cuts: set[frozenset[str]] = set()
        self._healed = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def listen(self, host: str, port: int) -> int:
        """Open a proxy before a port of a host; return its own port."""
        return self._run(self._listen(host, port))

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Let nothing pass between the hosts of both sides, in either direction, without closing connections."""
        others = list(others)
        self._run(self._cut({frozenset({one, other}) for one in some for other in others}))

    def heal(self) -> None:
        """Let everything pass again, what was kept back first."""
        self._run(self._cut(set()))

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self, host: str, port: int) -> int:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client, _ = writer.get_extra_info("peername")
            await self._pass_on(frozenset({client, host}), (reader, writer), port)

        server = await asyncio.start_server(pass_on, LOOPBACK, 0)
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        return found

    async def _cut(self, pairs: set[frozenset[str]]) -> None:
        self._cuts = self._cuts | pairs if pairs else set()
        if not pairs:
            self._healed.set()
            self._healed = asyncio.Event()

    async def _pass_on(self, pair: frozenset[str], client: Ends, port: int) -> None:
        try:
            with suppress(OSError):
                await self._wait_until_whole(pair)
                await self._pump_both(pair, client, await asyncio.open_connection(LOOPBACK, port))
        finally:
            client[1].close()

    async def _pump_both(self, pair: frozenset[str], client: Ends, server: Ends) -> None:
        both = ((client[0], server[1]), (server[0], client[1]))
        pumps = [asyncio.ensure_future(self._pump(pair, *ends)) for ends in both]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            server[1].close()

    async def _pump(self, pair: frozenset[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while sent := await reader.read(CHUNK_BYTES):
                await self._wait_until_whole(pair)
                writer.write(sent)
                await writer.drain()
        await self._wait_until_whole(pair)  # Nobody hears of a closed connection either.

    async def _wait_until_whole(self, pair: frozenset[str]) -> None:
        while pair in self._cuts:
            await self._healed.wait()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(CLOSING_SECONDS)  # What was accepted gets its task.
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(CLOSING_SECONDS)  # The transports close in the loop's next turns.


@contextmanager
def running_network() -> Iterator[Network]:
    network = Network()
    try:
        yield network
    finally:
        network.close()


def connect_from(host: str) -> None:
    """Let all connections of this process come from a host, that is from its address."""
    connect = socket.socket.connect

    def connect_from_there(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET:
            self.bind((host, 0))
        connect(self, address)

    socket.socket.connect = connect_from_there
