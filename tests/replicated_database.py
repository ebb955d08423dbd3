"""Run a PostgreSQL server with a streaming replica, and fail over to it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from config.engines.postgres import (
    ADMINISTRATOR,
    DATABASE,
    LONGEST_SOCKET_PATH,
    Postgres,
    database_folder,
    socket_folder,
)
from tests.waiting import wait_until


class Node:
    """One server of the two; its files are in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.engine = Postgres(folder)
        self.engine.install()
        self.data = database_folder(self.engine.folder)
        self.host = str(socket_folder(self.engine.folder))
        self.process: subprocess.Popen[bytes]
        self.log: IO[bytes] | None = None
        """Where the server writes; None is where this process does."""

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            wait_until(self.engine.is_ready)
            yield
        finally:
            self.kill()

    def start(self) -> None:
        """Start the server, without waiting until it answers."""
        command = (sys.executable, "-m", "config.engines.postgres_server", self.engine.folder)
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def execute(self, *statements: str) -> list[Any]:
        """Execute the statements, each by itself, and return the row of the last one."""
        with psycopg.connect(host=self.host, user=ADMINISTRATOR, dbname=DATABASE, autocommit=True) as session:
            for statement in statements:
                found = session.execute(statement)
            return list(found.fetchone() or []) if found.description else []


class ReplicatedDatabase:
    """A primary and its replica, both running."""

    def __init__(self, primary: Node, replica: Node) -> None:
        self.primary = primary
        self.replica = replica

    @property
    def options(self) -> dict[str, str]:
        """Libpq's options for clients, which find the server that can be written."""
        return {"host": f"{self.primary.host},{self.replica.host}", "target_session_attrs": "read-write"}

    def commit_on_both(self) -> None:
        """Let each commit wait for the replica from now on."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        wait_until(lambda: "sync" in self.primary.execute("SELECT sync_state FROM pg_stat_replication"))

    def cut_off_the_replica(self) -> None:
        """Let the replica get nothing more."""
        self.replica.execute("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        wait_until(lambda: self.primary.execute("SELECT count(*) FROM pg_stat_replication") == [0])

    def fail_over(self) -> None:
        """Kill the primary, and make the replica the new one."""
        self.primary.kill()
        assert self.replica.execute("SELECT pg_promote()") == [True]


@contextmanager
def running_replicated_database(folder: Path) -> Iterator[ReplicatedDatabase]:
    # With a long name the socket is in the temporary folder, which root's replica may enter, since it is another user.
    primary, replica = Node(folder / "primary".ljust(LONGEST_SOCKET_PATH, "-")), Node(folder / "replica")
    with ExitStack() as stack:
        stack.enter_context(primary.running())
        copy(primary, replica)
        stack.enter_context(replica.running())
        wait_until(lambda: primary.execute("SELECT count(*) FROM pg_stat_replication") == [1])
        yield ReplicatedDatabase(primary, replica)


def copy(primary: Node, replica: Node) -> None:
    """Make the files of a replica, which follows the primary once it is started."""
    programs = Path(psutil.Process(primary.process.pid).exe()).parent
    source = ("-h", primary.host, "-U", ADMINISTRATOR, "--checkpoint=fast")
    subprocess.run([programs / "pg_basebackup", *source, "-D", replica.data, "--write-recovery-conf"], check=True)
    owner = primary.data.stat()
    for path in (replica.data, *replica.data.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
