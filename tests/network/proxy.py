"""Run a proxy between a client and its server that damages the connection."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.network.in_thread import in_thread

CHUNK_BYTES = 65_536
type Address = tuple[str, int] | str
type Fault = Callable[[bytes], bytes]
"""Returns what the client receives for the server's answer; raises ConnectionResetError to cut the connection."""


def pass_on(answer: bytes) -> bytes:
    return answer


def cut(answer: bytes) -> bytes:
    """Cut the connection, so that the server has executed the command and the client does not know it."""
    raise ConnectionResetError


def cut_in_the_middle(answer: bytes) -> bytes:
    raise ConnectionResetError(answer[: len(answer) // 2])


def garble(answer: bytes) -> bytes:
    """Break the protocol, as if another program listened on the port."""
    return b"\xff\xfe\x00 garbled \r\n" + answer


def late(seconds: float) -> Fault:
    """Delay the answer, possibly beyond the client's time-out."""

    def wait(answer: bytes) -> bytes:
        time.sleep(seconds)  # The delay is the fault.
        return answer

    return wait


def now_and_then(share: float, *faults: Fault) -> Fault:
    """Apply one of the faults, chosen at random, to this share of the answers."""

    def maybe(answer: bytes) -> bytes:
        return random.choice(faults)(answer) if random.random() < share else answer

    return maybe


class Proxy(ThreadingTCPServer):
    """Listens on a loopback port; the fault may be changed at any time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream: Address) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = upstream
        self.fault: Fault = pass_on
        self.refuses = False
        self.faults = self.answers = 0
        self.largest_request = 0
        """The most bytes that a client has sent before it was answered."""
        self._open: set[socket.socket] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def verify_request(self, *_: object) -> bool:
        return not self.refuses

    def cut_all(self) -> None:
        """Cut all connections; their clients may connect again."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def note_open(self, connection: socket.socket) -> None:
        self._open.add(connection)

    def note_closed(self, connection: socket.socket) -> None:
        self._open.discard(connection)


class _Connection(BaseRequestHandler):
    server: Proxy

    def setup(self) -> None:
        self.server.note_open(self.request)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self) -> None:
        self.server.note_closed(self.request)

    def handle(self) -> None:
        self.asked = 0
        with suppress(OSError), connected(self.server.upstream) as upstream:
            threading.Thread(target=self._ask, args=[upstream], daemon=True).start()
            while answer := upstream.recv(CHUNK_BYTES):
                self.asked = 0
                self._answer(answer)

    def _ask(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while asked := self.request.recv(CHUNK_BYTES):
                self.asked += len(asked)
                self.server.largest_request = max(self.server.largest_request, self.asked)
                upstream.sendall(asked)
        with suppress(OSError):  # Also for a client that was killed, whose connection is reset.
            upstream.shutdown(socket.SHUT_RDWR)

    def _answer(self, answer: bytes) -> None:
        self.server.answers += 1
        try:
            harmed = self.server.fault(answer)
        except ConnectionResetError as cut_off:
            self.server.faults += 1
            for part in cut_off.args:
                self.request.sendall(part)
            raise
        self.server.faults += harmed != answer
        self.request.sendall(harmed)


def connected(upstream: Address) -> socket.socket:
    """Connect to a port, or to the socket that a path names."""
    if isinstance(upstream, tuple):
        connection = socket.create_connection(upstream)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(upstream)
    return connection


@contextmanager
def running_proxy(upstream: Address) -> Iterator[Proxy]:
    with in_thread(Proxy(upstream)) as proxy:
        yield proxy


def with_account(url: str, account: str) -> str:
    """Return the URL of a server with another user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{account}@{parts.netloc.rpartition('@')[2]}").geturl()


def with_address(url: str, address: str) -> str:
    """Return the URL of a server with the address of a proxy before it."""
    parts = urlsplit(url)
    account, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{account}{at}{address}").geturl()
