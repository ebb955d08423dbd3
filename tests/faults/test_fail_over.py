"""The primary database is killed under load, and its replica is promoted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import Error, connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.engines.postgres import DATABASE, ROLE
from events.log.reading import last_position
from events.models import DeadLetter, LogEntry
from events.relay import divergence
from events.stream.interface import Stream
from tests.faults.test_divergence import assert_it_is_seen_everywhere, change_some, reset, wait_until_all_is_handled
from tests.faults.test_losses import has_reached_the_end, reached
from tests.faults.test_torment import assert_the_stream_is_a_window_on_the_log
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.processes import running
from tests.replicated_database import ReplicatedDatabase, running_replicated_database
from tests.tickets import issue
from tests.waiting import wait_until
from tickets.models import Ticket

WRITERS = 2
COMMANDS = (["relay_events"], ["consume_events", "readmodel"])

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def database(tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplicatedDatabase]:
    """Let this process use a database with a replica, emptied of all but our tables."""
    with running_replicated_database(tmp_path) as database:
        settings = {"NAME": DATABASE, "HOST": "", "USER": ROLE, "PASSWORD": "", "PORT": ""}
        for name, value in settings.items():
            monkeypatch.setitem(connection.settings_dict, name, value)
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", connection.settings_dict["OPTIONS"] | database.options)
        forget_sessions()
        call_command("migrate", verbosity=0)
        yield database
        forget_sessions()
        monkeypatch.undo()


def forget_sessions() -> None:
    connection.close()
    connection.close_pool()


@pytest.fixture
def _processes(database: ReplicatedDatabase, stream: Stream, elasticsearch: Elasticsearch) -> Iterator[None]:
    """Run the relay and a consumer; both go on by themselves to the end of the test."""
    options = "&".join(f"{name}={quote(value)}" for name, value in database.options.items())
    url = f"postgresql://{ROLE}@/{DATABASE}?{options}"
    with ExitStack() as stack:
        started = [stack.enter_context(running("manage.py", *command, DATABASE_URL=url)) for command in COMMANDS]
        yield
        assert [process.poll() for process in started] == [None, None]


@pytest.mark.usefixtures("_processes")
def test_after_a_fail_over_to_a_synchronous_replica_everything_heals_by_itself(
    database: ReplicatedDatabase, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    database.commit_on_both()
    acknowledged, must_stop = set(), Event()

    def write() -> None:
        while not must_stop.is_set():
            try:
                acknowledged.add(issue().id)
            except Error:
                connection.close()  # As at the end of a request.
        connection.close()

    with ThreadPoolExecutor(WRITERS) as threads:
        writing = [threads.submit(write) for _ in range(WRITERS)]
        try:
            wait_until(lambda: reached() >= 20)
            database.fail_over()
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) >= before + 20)
        finally:
            must_stop.set()
    assert [found.exception() for found in writing] == [None] * WRITERS
    connection.close()
    wait_until(has_reached_the_end)

    assert acknowledged <= set(Ticket.objects.values_list("id", flat=True))
    assert LogEntry.objects.count() == last_position(0) == Ticket.objects.count()
    assert divergence.current(0) == ""
    assert not DeadLetter.objects.exists()
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


@pytest.mark.usefixtures("_processes")
def test_a_replica_that_lacks_events_is_a_restored_database_and_right_after_a_reset(
    database: ReplicatedDatabase, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    change_some(5)
    wait_until_all_is_handled(stream)
    database.cut_off_the_replica()
    change_some(10)
    wait_until_all_is_handled(stream)
    lost = last_position(0)

    database.fail_over()
    connection.close()
    assert last_position(0) < lost
    change_some(2)
    wait_until(lambda: divergence.current(0))

    assert stream.tail(0).position == lost
    assert_it_is_seen_everywhere(divergence.current(0))

    assert "The log was restored from a backup" in reset()
    change_some(3)
    wait_until_all_is_handled(stream)
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
