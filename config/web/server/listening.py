"""Open the socket of the web server, or take over one that outlives it, in which connections wait during a restart.

In:   the address and port; a socket that systemd passes, or the path at which keeper.py hands out its own.
Out:  the listening socket.
Next: config/web/server/workers.py
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

PORT_SECONDS = 10.0
"""How long to wait for the port: the workers of a main process that was killed have it for a moment."""
POLL_SECONDS = 0.2
FIRST_OF_SYSTEMD = 3
"""The number of the first file that systemd passes (sd_listen_fds(3))."""
GREETING = b"socket"


class CannotListen(Exception):
    """There is no socket to accept connections from. The message says why."""


def listener(host: str, port: int, backlog: int, *, keeper: Path | None) -> socket.socket:
    """Return the socket of systemd, that of the keeper, or a new one; raise CannotListen."""
    found = _of_systemd() or (_of_keeper(keeper) if keeper else listen(host, port, backlog))
    if (opened := found.getsockname()[1]) != port:
        found.close()
        raise CannotListen(f"the socket was opened for port {opened}, but --port is {port}")
    return found


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Listen as the only program on the port; wait a moment until it is free, then raise CannotListen."""
    until = time.monotonic() + PORT_SECONDS
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=backlog)
        except OSError as error:
            if time.monotonic() > until:
                raise CannotListen(str(error)) from error
        time.sleep(POLL_SECONDS)


def _of_systemd() -> socket.socket | None:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    number = os.environ["LISTEN_FDS"]
    if number != "1":
        raise CannotListen(f"systemd passes {number} sockets, but the web server accepts from one")
    return socket.socket(fileno=FIRST_OF_SYSTEMD)


def _of_keeper(path: Path) -> socket.socket:
    until = time.monotonic() + PORT_SECONDS
    while True:
        with suppress(FileNotFoundError, ConnectionRefusedError), socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(path))
            _, files, _, _ = socket.recv_fds(asking, len(GREETING), 1)
            if files:
                return socket.socket(fileno=files[0])
        if time.monotonic() > until:
            raise CannotListen(f"nobody hands out a socket at {path}: start config.web.server.keeper")
        time.sleep(POLL_SECONDS)
