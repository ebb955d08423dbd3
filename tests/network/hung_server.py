"""A server that accepts connections and never answers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from config.supervisord.ports import LOOPBACK


@contextmanager
def hung_server() -> Iterator[str]:
    """Yield the address; the kernel accepts connections for a server that does nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield f"{LOOPBACK}:{server.getsockname()[1]}"
