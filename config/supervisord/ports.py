"""Find and probe ports of the loopback interface, where every program started here listens."""

import socket
from collections.abc import Collection
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import psutil

LOOPBACK = "127.0.0.1"
LAST_PORT = 65535


def free_port() -> int:
    """Return a port on which no program listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def first_of(distances: Collection[int]) -> int:
    """Return a port above which the ports at these distances are free too."""
    while True:
        first = free_port()
        if all(first + distance <= LAST_PORT and is_free(first + distance) for distance in distances):
            return first


def is_free(port: int) -> bool:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True


def listens(process_id: int, port: int) -> bool:
    """Return whether the process has the port: while it starts, another user's program may have taken it."""
    with suppress(psutil.Error):
        connections = psutil.Process(process_id).net_connections(kind="tcp")
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in connections)
    return False


def answers(port: int, path: str, **headers: str) -> bool:
    """Return whether a web server on the port answers 200. Cheap enough to be called many times a second."""
    with closing(HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
