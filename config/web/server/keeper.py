"""Keep the web server's socket open while it is restarted, so that connections wait in it and none is refused.

    python -m config.web.server.keeper [--host ADDRESS] [--port N] PATH

It hands the socket to each web server that asks at PATH (`--keeper PATH`), which only its own user may do. It accepts
no connection and has nothing of a release, so a deployment leaves it alone. Restarted itself, it waits until the web
server has left the port. Under systemd it is not needed.
"""

import logging
import os
import socket
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path

from config.web.server import log
from config.web.server.listening import GREETING, CannotListen, listen

logger = logging.getLogger("config.web.server.keeper")

BACKLOG = 4096
UMASK = 0o177
"""Nobody else may ask for the socket."""


def keep(path: Path, listener: socket.socket) -> None:
    """Hand the socket out until the process ends."""
    path.unlink(missing_ok=True)
    os.umask(UMASK)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        while True:
            asking, _ = door.accept()
            with asking, suppress(OSError):
                socket.send_fds(asking, [GREETING], [listener.fileno()])


def _main() -> None:
    parser = ArgumentParser(prog="python -m config.web.server.keeper", description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1 by default")
    parser.add_argument("--port", type=int, default=8000, help="8000 by default")
    parser.add_argument("path", type=Path, metavar="PATH", help="where web servers ask for the socket")
    arguments = parser.parse_args()
    keep(arguments.path, _listener(arguments.host, arguments.port))


def _listener(host: str, port: int) -> socket.socket:
    while True:
        try:
            return listen(host, port, BACKLOG)
        except CannotListen as error:
            logger.warning("can't listen on %s, port %s, and tries again: %s", host, port, error)


if __name__ == "__main__":
    log.configure()
    _main()
