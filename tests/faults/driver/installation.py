"""The installation: its servers, its processes, and a client of each server for the checker."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

import httpx
import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from elasticsearch import Elasticsearch

from accounts.models import Token
from config.engines.postgres import DATABASE, ROLE
from config.supervisord.ports import answers, free_port
from events.log.partitions import forget_layout
from events.models import DeadLetter, Partition
from events.stream.interface import Stream, open_stream
from tests.faults.driver.processes import Keeper, Program, warm_up
from tests.faults.driver.servers import Servers
from tests.waiting import wait_until

ANSWER_SECONDS = 8.0
EMPTY = "empty"
"""The database from which each new one is copied: migrated, with the user of the load."""


class Installation:
    """Everything that runs. `renew` empties it, so that comparing all of it stays cheap."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        folder = servers.folder / "processes"
        folder.mkdir()
        self.port = free_port()
        self.web = Program("web", "web", folder, str(self.port))
        self.rebuild = Program("rebuild", "rebuild", folder)
        self.programs = [
            self.web,
            Program("relay-1", "relay", folder),
            Program("relay-2", "relay", folder),
            Program("readmodel-1", "readmodel", folder, "one"),
            Program("readmodel-2", "readmodel", folder, "two"),
            Program("access-1", "access", folder, "one"),
            self.rebuild,
        ]
        self.url = f"http://127.0.0.1:{self.port}"
        self.stream: Stream
        self.keeper: Keeper
        self.client = httpx.Client(base_url=self.url, timeout=ANSWER_SECONDS)
        self.elasticsearch = Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60)

    def of_role(self, role: str) -> list[Program]:
        return [program for program in self.programs if program.role == role]

    @contextmanager
    def running(self) -> Iterator[None]:
        Path(settings.STATIC_ROOT).mkdir()
        warm_up()
        self._prepare()
        self._start()
        self.keeper = Keeper(self.programs)
        try:
            yield
        finally:
            self.keeper.close()
            self.elasticsearch.close()
            self.client.close()

    def renew(self) -> None:
        """Begin with empty servers and new processes."""
        self.keeper.close()
        self.stream.close()
        self._forget_sessions()
        self._empty()
        self._start()
        self.keeper = Keeper(self.programs)

    def forget_repairs(self) -> None:
        """Let the pause that follows a repair of the stream be over: an hour may lie between two schedules."""
        Partition.objects.update(repair_after=None, repair_pause_seconds=0)

    def log(self) -> str:
        return "".join(f"--- {program.name}\n{program.log}" for program in self.programs)

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        user = User.objects.create_superuser("load")
        self.client.headers["Authorization"] = f"Bearer {Token.issue(user=user, name='load').text}"
        self._forget_sessions()
        self._copy_database(DATABASE, EMPTY)

    def _start(self) -> None:
        self.stream = open_stream()
        for program in self.programs:
            if program is not self.rebuild:
                program.start()
        wait_until(lambda: answers(self.port, "/readyz"))
        wait_until(self._has_indices)

    def _has_indices(self) -> bool:
        return bool(self.elasticsearch.indices.exists_alias(name=settings.READMODEL_ALIAS))

    def _empty(self) -> None:
        self.servers.empty_stream()
        names = list(self.elasticsearch.indices.get(index="*"))
        if names:
            self.elasticsearch.indices.delete(index=names)
        self._copy_database(EMPTY, DATABASE)
        forget_layout()  # A fault may have given the log more partitions.
        self.servers.gate.calls.clear()

    def _copy_database(self, source: str, target: str) -> None:
        with psycopg.connect(
            host=self.servers.database.node.host, user="postgres", dbname="postgres", autocommit=True
        ) as session:
            session.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
            session.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY OWNER {ROLE}")

    def _forget_sessions(self) -> None:
        connection.close()
        connection.close_pool()


def retry_letters() -> None:
    """Retry all dead letters, as an operator does once the receiver takes messages again."""
    if DeadLetter.objects.filter(state=DeadLetter.State.PARKED).exists():
        with suppress(CommandError):
            call_command("dead_letters", "retry", "--all", "--yes", stdout=StringIO())
