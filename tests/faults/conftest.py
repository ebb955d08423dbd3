"""Fork processes to be killed from one that has loaded the project."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess

import pytest
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from tests.faults import roles
from tests.processes import environment

type Start = Callable[..., BaseProcess]


@pytest.fixture
def start(
    elasticsearch: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> Iterator[Start]:
    """Return a function that starts a role in a process of its own; all processes are killed at the end."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([roles.__name__])
    started: list[BaseProcess] = []

    def start_role(role: Callable[..., None], *arguments: str) -> BaseProcess:
        process = context.Process(target=roles.play, args=(settings.READMODEL_ALIAS, role, *arguments))
        process.start()
        started.append(process)
        return process

    yield start_role
    for process in started:
        kill(process)


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


@pytest.fixture
def ledger(transactional_db: None) -> Iterator[Callable[[], list[str]]]:
    """Create a table into which a subscriber writes a row for each event; return a function that reads it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE ledger (event uuid)")

        def read() -> list[str]:
            cursor.execute("SELECT event::text FROM ledger")
            return [event for (event,) in cursor.fetchall()]

        yield read
        cursor.execute("DROP TABLE ledger")
