"""Let a server of the tests answer in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread


@contextmanager
def in_thread[Server: BaseServer](server: Server) -> Iterator[Server]:
    """Open the server until the block ends, also if it fails: otherwise the process of the tests would never end."""
    with server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
