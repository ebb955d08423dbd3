"""A server that looks at something each time it is asked, and hangs up instead of answering."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer

from config.supervisord.ports import LOOPBACK
from tests.network.in_thread import in_thread


class AskingServer(ThreadingTCPServer):
    """Keeps what it has seen; whoever asks waits until it has looked."""

    daemon_threads = True

    def __init__(self, look: Callable[[], int]) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.look = look
        self.seen: list[int] = []

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.server_address[1]}"


class _Handler(BaseRequestHandler):
    server: AskingServer

    def handle(self) -> None:
        if self.request.recv(1):
            self.server.seen.append(self.server.look())


@contextmanager
def asking_server(look: Callable[[], int]) -> Iterator[AskingServer]:
    with in_thread(AskingServer(look)) as server:
        yield server
