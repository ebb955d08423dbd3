"""Clients that harm a web server: silent ones, slow ones, ones that send without end, and ones that hang up.

    python -m tests.network.hostile_clients BEHAVIOUR CONNECTIONS ADDRESS PORT

A connection that the server ends is opened again, until the process is killed.
"""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from config.supervisord.ports import LOOPBACK

STRANGER = "127.0.0.2"
"""An address of the loopback interface at which no server of the tests listens: each attack takes many ports."""
MOST_FILES = 8_192
MOST_BYTES = 2_000_000_000
HEADERS = b" /api/tickets/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token wrong\r\n"
POST = b"POST" + HEADERS + b"Content-Type: application/json\r\n"
GET = b"GET" + HEADERS + b"\r\n"
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
PAUSE_SECONDS = 0.5
SHORT_SECONDS = 0.001

type Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
type Behaviour = Callable[[Connection], Awaitable[None]]


async def says_nothing(connection: Connection) -> None:
    await connection[0].read()


async def sends_a_header_slowly(connection: Connection) -> None:
    await _send_slowly(connection, b"GET /healthz HTTP/1.1\r\nX-Header: ")


async def sends_no_body(connection: Connection) -> None:
    connection[1].write(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
    await connection[0].read()


async def sends_a_body_slowly(connection: Connection) -> None:
    await _send_slowly(connection, POST + b"Content-Length: 900000\r\n\r\n")


async def sends_most_of_a_large_body(connection: Connection) -> None:
    connection[1].write(POST + b"Content-Length: 900000\r\n\r\n" + b"x" * 899_999)
    await connection[0].read()


async def sends_a_body_without_end(connection: Connection) -> None:
    connection[1].write(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection[1].write(CHUNK)
        await connection[1].drain()


async def hangs_up(connection: Connection) -> None:
    connection[1].write(GET)
    await asyncio.sleep(SHORT_SECONDS)


async def guesses_tokens(connection: Connection) -> None:
    while True:
        connection[1].write(GET)
        head = await connection[0].readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await connection[0].readexactly(int(length.partition(b":")[2]))


async def _send_slowly(connection: Connection, begin: bytes) -> None:
    connection[1].write(begin)
    while not connection[0].at_eof():
        connection[1].write(b"x")
        with suppress(TimeoutError):
            await asyncio.wait_for(connection[0].read(1), PAUSE_SECONDS)


class Attack(NamedTuple):
    """So many connections that behave like this at once."""

    behaviour: Behaviour
    connections: int

    def __str__(self) -> str:
        return f"{self.connections} × {self.behaviour.__name__.replace('_', ' ')}"


ATTACKS = (
    Attack(says_nothing, 1_024),
    Attack(sends_a_header_slowly, 1_024),
    Attack(sends_no_body, 1_024),
    Attack(sends_a_body_slowly, 1_024),
    Attack(sends_most_of_a_large_body, 200),
    Attack(sends_a_body_without_end, 8),
    Attack(hangs_up, 40),
    Attack(guesses_tokens, 40),
)


@contextmanager
def attacking(attack: Attack, port: int, *, address: str = STRANGER) -> Iterator[None]:
    """Attack a port of this machine, from this address of the loopback interface, until the block ends."""
    name, connections = attack.behaviour.__name__, str(attack.connections)
    command = (sys.executable, "-m", __name__, name, connections, address, str(port))
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


async def _attack(behaviour: Behaviour, connections: int, address: str, port: int) -> None:
    async with asyncio.TaskGroup() as clients:
        for _ in range(connections):
            clients.create_task(_repeat(behaviour, address, port))


async def _repeat(behaviour: Behaviour, address: str, port: int) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            connection = await asyncio.open_connection(LOOPBACK, port, local_addr=(address, 0))
            try:
                await behaviour(connection)
            finally:
                connection[1].transport.abort()
        await asyncio.sleep(SHORT_SECONDS)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    asyncio.run(_attack(globals()[sys.argv[1]], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
