"""PostgreSQL crashes: events are delivered again if their checkpoint was lost, and no event is lost."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest
from django.db import Error, connection, transaction
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.models import DeadLetter
from events.stream.interface import Stream
from tests.database_server import administrator
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, relay, write
from tests.faults.test_losses import has_reached_the_end, reached
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until

CLAIM = Claim("group", "", 0, epoch=1)


@pytest.fixture
def crash(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Return a function that kills a process of the server, which then restarts and recovers from its disk."""
    configure(
        "ALTER SYSTEM SET wal_writer_delay = '10s'"
    )  # A checkpoint of PostgreSQL would flush what is not flushed yet.
    yield crash_and_recover
    configure("ALTER SYSTEM RESET wal_writer_delay")


def configure(statement: str) -> None:
    with administrator() as session:
        session.execute(statement)
        session.execute("SELECT pg_reload_conf()")


def crash_and_recover() -> None:
    connection.ensure_connection()
    own = psutil.Process(connection.connection.info.backend_pid)
    assert connection.settings_dict["NAME"] in " ".join(own.cmdline())  # The server is the tests' own, on this machine.
    before = own.parents()[0].children()
    os.kill(own.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.is_running() for process in before))  # A session opened now would be ended too.
    wait_until(is_there)


def is_there() -> bool:
    connection.close()
    connection.close_pool()  # The pooled connections are dead.
    with suppress(Error):
        connection.ensure_connection()
        return connection.is_usable()
    return False


def test_a_crash_may_undo_only_a_checkpoint_that_is_moved_alone(crash: Callable[[], None]) -> None:
    checkpoint.load(CLAIM)
    # The server writes down at moments of its own what nobody waits for; it hardly meets this one again and again.
    assert any(is_taken_back(position, crash) for position in range(1, 6))

    with transaction.atomic():  # As for a subscriber with effects in this database.
        checkpoint.advance(CLAIM, 8, after=checkpoint.load(CLAIM))
    crash()
    assert checkpoint.load(CLAIM) == 8


def is_taken_back(position: int, crash: Callable[[], None]) -> bool:
    checkpoint.advance(CLAIM, position, after=checkpoint.load(CLAIM))
    crash()
    return checkpoint.load(CLAIM) < position


def test_crashes_of_the_database_under_load_lose_nothing(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings, crash: Callable[[], None]
) -> None:
    relaying, consumer = start(relay), start(consume)
    for _ in range(3):
        writer = start(write)  # A request fails while its database is down.
        before = reached()
        wait_until(lambda before=before: reached() > before)
        crash()
    kill(writer)

    wait_until(has_reached_the_end)
    assert relaying.is_alive()
    assert consumer.is_alive()
    assert not DeadLetter.objects.exists()
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
