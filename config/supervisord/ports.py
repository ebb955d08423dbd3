"""Find and probe ports of the loopback interface, where every program started here listens."""

import secrets
import socket
from collections.abc import Collection
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 10_000, 65_535
"""Lower ones are those of well-known servers."""
RANGE_OF_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The first and the last of the ports from which Linux takes those of outgoing connections."""
USUAL_FIRST_OF_CONNECTIONS = 32_768
FEWEST_PORTS = 1_000


def free_port() -> int:
    """Return a port on which no program listens; until one does, no outgoing connection is given it either."""
    return first_of([0])


def first_of(distances: Collection[int]) -> int:
    """Return such a port above which the ports at these distances are free too."""
    ports = _quiet_ports(max(distances))
    while True:
        # Not the module's own random numbers: tests seed them, and several processes would choose the same ports.
        first = ports[secrets.randbelow(len(ports))]
        if all(is_free(first + distance) for distance in {0, *distances}):
            return first


def _quiet_ports(room: int) -> range:
    """Return the ports, with so many above them, that the system gives to no connection; all if these are too few."""
    try:
        first_of_connections = int(RANGE_OF_CONNECTIONS.read_text().split()[0])
    except OSError:  # It is not Linux; few systems begin lower.
        first_of_connections = USUAL_FIRST_OF_CONNECTIONS
    ports = range(FIRST_PORT, first_of_connections - room)
    return ports if len(ports) >= FEWEST_PORTS else range(FIRST_PORT, LAST_PORT + 1 - room)


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
