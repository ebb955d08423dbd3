"""Ports of the loopback interface, where everything that is started here listens."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
