"""Run Debian's PgBouncer in front of the tests' PostgreSQL, if it is on the PATH; .ci/run installs it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection

from config.supervisord.ports import LOOPBACK, free_port
from tests.waiting import wait_until

PGBOUNCER = shutil.which("pgbouncer")
SERVER_SESSIONS = 2
"""Fewer than the clients, so that they share the sessions, one transaction at a time."""
CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


@contextmanager
def running_pgbouncer(folder: Path) -> Iterator[str]:
    """Yield the URL of the test's database behind a PgBouncer in transaction mode."""
    assert PGBOUNCER
    port = free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(server=_server(), address=LOOPBACK, port=port, sessions=SERVER_SESSIONS))
    command = [PGBOUNCER, *_become_owner_of_the_socket(), str(file)]
    process = subprocess.Popen(command, cwd=_folder_of_the_socket(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _accepts(port))
        name = connection.settings_dict["NAME"]
        yield f"postgresql://{connection.settings_dict['USER']}@{LOOPBACK}:{port}/{name}?DISABLE_SERVER_SIDE_CURSORS=True"
    finally:
        process.kill()
        process.wait()


def _server() -> str:
    parameters = connection.get_connection_params()
    if _folder_of_the_socket() and os.geteuid() == 0:
        parameters["host"] = "/proc/self/cwd"  # The owner of the socket may not enter the folders above it.
    return " ".join(f"{key}={parameters[key]}" for key in ("host", "port", "user", "password") if key in parameters)


def _become_owner_of_the_socket() -> list[str]:
    """Return the option for root, as whom it refuses to run; only its owner may use the socket."""
    folder = _folder_of_the_socket()
    return ["-u", folder.owner()] if os.geteuid() == 0 and folder else []


def _folder_of_the_socket() -> Path | None:
    folder = Path(connection.get_connection_params()["host"])
    return folder if folder.is_dir() else None


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port)):
        return True
    return False
