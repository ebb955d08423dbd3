"""Write into the stream, or restore the log from a backup, while processes run; in the end everything is right."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import pairwise
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import Client
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log.reading import last_position, read_after
from events.models import Checkpoint, DeadLetter, LogEntry, Partition
from events.relay import divergence
from events.stream.interface import Stream
from tests.faults.conftest import Start
from tests.faults.roles import change_one, consume, issue, relay
from tests.faults.test_torment import assert_the_stream_is_a_window_on_the_log
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.things import envelope_at
from tests.waiting import wait_until

TABLES = (
    "tickets_ticket",
    "tickets_checkin",
    "events_log",
    "events_waiting",  # After the log, whose trigger adds rows to it.
    "events_position",
    "events_partition",
    "events_checkpoint",
    "events_dead_letter",
)


@pytest.fixture
def restore(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Return a function that backs the database up, and returns one that restores the backup."""
    with connection.cursor() as cursor:
        issue_some(3)
        for table in TABLES:
            cursor.execute(f"CREATE TABLE backup_{table} AS TABLE {table}")
        columns = {table: stored_columns(cursor, table) for table in TABLES}

        def restore_tables() -> None:
            with transaction.atomic():
                for table in TABLES:
                    cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
                    cursor.execute(
                        f"INSERT INTO {table} ({columns[table]}) SELECT {columns[table]} FROM backup_{table}"  # noqa: S608
                    )

        yield restore_tables
        for table in TABLES:
            cursor.execute(f"DROP TABLE backup_{table}")


def stored_columns(cursor: CursorWrapper, table: str) -> str:
    """Return the names of the columns that are not generated."""
    cursor.execute(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
        " WHERE table_name = %s AND is_generated = 'NEVER'",
        [table],
    )
    return str(cursor.fetchone()[0])


def issue_some(count: int) -> None:
    for _ in range(count):
        issue()


def change_some(count: int) -> None:
    for _ in range(count):
        change_one()


def add_foreign_entry(stream: Stream) -> None:
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"})


def add_and_delete_foreign_entry(stream: Stream) -> None:
    stream._client.xdel(stream.key(0), stream._client.xadd(stream.key(0), {"KEY": "VALUE"}))


def take_the_key_for_something_else(stream: Stream) -> None:
    stream._client.delete(stream.key(0))
    stream._client.set(stream.key(0), "VALUE")


def put_another_project_there(stream: Stream) -> None:
    stream._client.delete(stream.key(0))
    for position in range(1, 51):
        stream._client.xadd(stream.key(0), dict(envelope_at(position).to_fields()), id=f"{position}-0")


def rewrite_the_window_with_an_invented_event(stream: Stream) -> None:
    entries = stream._client.xrange(stream.key(0))
    invented = entries[-2][1] | {"type": "ticket.canceled", "correlationid": "invented"}
    with stream._client.pipeline(transaction=True) as pipeline:
        pipeline.delete(stream.key(0))
        for entry_id, fields in entries:
            pipeline.xadd(stream.key(0), invented if entry_id == entries[-2][0] else fields, id=entry_id)
        pipeline.execute()


def wait_until_all_is_handled(stream: Stream) -> None:
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
    last = last_position(0)
    wait_until(lambda: stream.tail(0).position == last)
    wait_until(lambda: set(Checkpoint.objects.values_list("position", flat=True)) == {last})


def reset(*options: str) -> str:
    said = StringIO()
    call_command("reset_stream", "--yes", *options, stdout=said)
    return said.getvalue()


def assert_it_is_seen_everywhere(reason: str) -> None:
    said = StringIO()
    call_command("event_status", "--json", stdout=said)
    assert json.loads(said.getvalue())[0]["divergence"] == reason
    client = Client()
    client.force_login(User.objects.create_superuser(f"operator-{uuid4().hex}"))
    response = client.get("/readyz")
    assert response.status_code == 200  # Writes need no stream.
    assert reason in response.json()["degraded"]["stream"]
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=said)
    assert reason in said.getvalue()


def is_a_window(stream: Stream) -> bool:
    entries = stream.entries(0, after="0", count=1_000)
    return bool(entries) and [entry.envelope for entry in entries] == read_after(0, 0)


@pytest.mark.parametrize(
    "harm",
    [
        add_foreign_entry,
        add_and_delete_foreign_entry,
        take_the_key_for_something_else,
        put_another_project_there,
        rewrite_the_window_with_an_invented_event,
    ],
)
def test_foreign_entries_are_taken_away_without_help(
    harm: Callable[[Stream], None], start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    issue_some(3)
    start(relay)
    start(consume)
    wait_until_all_is_handled(stream)

    for _ in range(2):
        harm(stream)
        change_some(5)
        wait_until_all_is_handled(stream)
        wait_until(lambda: is_a_window(stream))

    found = Partition.objects.get(number=0)
    assert (found.divergence, found.repairs) == ("", 2)
    assert found.foreign_entries >= 2
    assert not DeadLetter.objects.exists()
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


@pytest.mark.parametrize("new_changes", [0, 5, 60], ids=["at once", "with new events", "after it has caught up"])
def test_a_log_restored_from_a_backup_is_right_after_a_reset(
    new_changes: int,
    start: Start,
    stream: Stream,
    restore: Callable[[], None],
    elasticsearch: Elasticsearch,
    settings: Settings,
) -> None:
    start(relay)
    start(consume)
    change_some(20)
    wait_until_all_is_handled(stream)
    lost = last_position(0)

    restore()
    change_some(new_changes)
    wait_until(lambda: divergence.current(0))
    change_some(2)

    assert stream.tail(0).position == lost
    assert Checkpoint.objects.filter(position__gt=last_position(0)).count() == 0
    assert_it_is_seen_everywhere(divergence.current(0))

    said = reset()
    change_some(3)
    wait_until_all_is_handled(stream)

    assert "The log was restored from a backup" in said
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def test_a_restored_log_with_a_wiped_redis_is_right_after_a_reset_with_the_option(
    start: Start, stream: Stream, restore: Callable[[], None], elasticsearch: Elasticsearch, settings: Settings
) -> None:
    start(relay)
    start(consume)
    change_some(20)
    wait_until_all_is_handled(stream)

    restore()
    stream._client.flushall()
    reset("--log-was-restored")
    change_some(10)
    wait_until_all_is_handled(stream)

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
    positions = [int(entry.id.partition("-")[0]) for entry in stream.entries(0, after="0", count=1_000)]
    assert all(after == before + 1 for before, after in pairwise(positions))
