"""manage.py event_status; tests/integration/events/operations/test_status.py tests it with real processes."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from events import record, unit_of_work
from events.groups.ownership import CONSUMING, OPENING, RETRYING, STANDING_BY, Condition, Ownership
from events.models import Checkpoint, ConsumerGroup, DeadLetter, Lease, LogEntry, Member, Partition
from events.operations.status import each_status, status
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import ThingMade

pytestmark = pytest.mark.django_db

GROUP = "recorder"
LONG_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.things.Recorder", "other": "tests.things.Recorder"}


@pytest.fixture(autouse=True)
def filled(stream: Stream) -> Stream:
    """Create five entries, of which the group has handled two."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(1, 6)))
    relay.sweep(stream, 0)
    Checkpoint.objects.create(group=GROUP, partition=0, position=2)
    return stream


def look(*arguments: str) -> Any:
    said = StringIO()
    call_command("event_status", "--json", *arguments, stdout=said)
    return json.loads(said.getvalue())[0]


def group() -> Any:
    [found] = look("--group", GROUP)["groups"]
    return found


def table(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    said = StringIO()
    call_command("event_status", *arguments, stdout=said)
    return said.getvalue()


def member(name: str, condition: Condition, *, owns: bool = False) -> Ownership:
    ownership = Ownership(GROUP, name)
    ownership.condition = condition
    ownership.heartbeat()
    if owns:
        assert ownership.acquire(0)
    return ownership


def test_the_status_of_the_log_and_the_stream(filled: Stream) -> None:
    with unit_of_work():
        record(ThingMade(name="late"))
    filled.trim(0, length=3)

    found = look()

    del found["groups"], found["stream_bytes"]
    assert found == {
        "partition": 0,
        "last_position": 5,
        "without_position": 1,
        "parent": None,
        "parent_position": 0,
        "stream": "tickets",
        "stream_first_position": 3,
        "stream_position": 5,
        "stream_length": 3,
        "stream_error": "",
        "divergence": "",
        "foreign_entries": 0,
        "repairs": 0,
    }


def test_the_status_of_more_partitions_takes_no_more_queries(filled: Stream) -> None:
    with CaptureQueriesContext(connection) as of_one:
        status(filled)
    Partition.objects.bulk_create(Partition(number=number, parent=0, parent_position=5) for number in range(1, 8))
    Checkpoint.objects.bulk_create(Checkpoint(group=GROUP, partition=number) for number in range(1, 8))
    status(filled)  # It reads the new partitions once more.

    with CaptureQueriesContext(connection) as of_eight:
        found = status(filled)

    assert [(of.partition, [group.is_held_back for group in of.groups]) for of in found] == [
        (0, [False, False]),
        *((number, [True, True]) for number in range(1, 8)),
    ]
    assert len(of_eight) == len(of_one)


def test_the_status_of_a_partition_does_not_wait_for_the_next_one(filled: Stream) -> None:
    Partition.objects.create(number=1, parent=0)
    filled._client.set(filled.key(1), "no stream")

    found = each_status(filled)

    assert next(found).partition == 0
    filled.delete(1)
    assert next(found).stream_error == ""


def test_a_group_without_a_process_is_shown() -> None:
    LogEntry.objects.filter(place__position=3).update(time=timezone.now() - timedelta(seconds=90))

    found = group()

    assert 90 <= found.pop("lag_seconds") < 100
    assert found == {
        "group": GROUP,
        "target": "",
        "checkpoint": 2,
        "lag": 3,
        "reads_from_log": False,
        "pending": 0,
        "is_paused": False,
        "owner": None,
        "standing_by": [],
        "not_ready": [],
        "failed_position": None,
        "attempts": 0,
        "hangs": 0,
        "one_at_a_time_to": None,
        "dead_letters": 0,
        "letters_to_retry": 0,
        "is_held_back": False,
    }


def test_the_filter_shows_one_group() -> None:
    assert [found["group"] for found in look()["groups"]] == [GROUP, "other"]
    assert [found["group"] for found in look("--group", "other")["groups"]] == ["other"]
    with pytest.raises(CommandError, match="no group 'another'"):
        look("--group", "another")


def test_the_owner_and_the_standing_by_processes_are_shown() -> None:
    owner = member("owner", Condition(CONSUMING), owns=True)
    second = member("second", Condition(STANDING_BY))

    found = group()

    assert found["owner"] == {
        "member": owner.member, "is_expired": False, "state": CONSUMING, "error": "", "retry_at": None,
        "silent_seconds": 0.0,
    }  # fmt: skip
    assert found["standing_by"] == [second.member]


def test_processes_that_are_not_ready_are_shown_with_their_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = member("a", Condition(OPENING))
    retrying = member("b", Condition(RETRYING, "RetryLater: it is down"))

    found = group()

    assert found["standing_by"] == []
    assert found["not_ready"] == [
        f"{opening.member} is opening",
        f"{retrying.member} is retrying: RetryLater: it is down",
    ]
    assert f"{retrying.member} is retrying: RetryLater: it is down" in table(monkeypatch=monkeypatch)


def test_a_handler_that_hangs_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = member("owner", Condition(CONSUMING), owns=True)
    owner.silent_seconds = 57.0
    owner.heartbeat()
    Checkpoint.objects.update(hung_to=4, hangs=2)

    found, shown = group(), table(monkeypatch=monkeypatch)

    assert (found["owner"]["silent_seconds"], found["hangs"], found["one_at_a_time_to"]) == (57.0, 2, 4)
    assert "the handler has made no progress for 57 s" in shown
    assert "hung 2 times; events up to 4 are handled one at a time" in shown


def test_a_retrying_owner_is_shown_with_its_error_and_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2099, 1, 1, tzinfo=UTC)
    member("owner", Condition(RETRYING, "RetryLater: [it] is down", at), owns=True)
    Checkpoint.objects.update(failed_position=3, attempts=4)

    found = group()

    assert (found["owner"]["state"], found["owner"]["error"]) == (RETRYING, "RetryLater: [it] is down")
    assert datetime.fromisoformat(found["owner"]["retry_at"]) == at
    assert (found["failed_position"], found["attempts"]) == (3, 4)
    said = table(monkeypatch=monkeypatch)
    assert "s: RetryLater: [it] is down" in said
    assert "recorder has failed 4 times with the event at 3" in said


def test_a_dead_owner_is_shown_until_its_lease_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = member("owner", Condition(CONSUMING), owns=True)
    Member.objects.update(seen_until=LONG_AGO, alive_until=LONG_AGO)
    Lease.objects.update(expires_at=LONG_AGO)

    assert group()["owner"]["is_expired"]
    assert f"{owner.member}, lease expired, gone" in table(monkeypatch=monkeypatch)


def test_a_paused_group(monkeypatch: pytest.MonkeyPatch) -> None:
    ConsumerGroup.objects.create(name=GROUP, paused=True)

    assert group()["is_paused"]
    said = table(monkeypatch=monkeypatch)
    assert "none, paused" in said
    assert "recorder is paused; run manage.py resume_consumers recorder to let it go on" in said


def test_open_dead_letters_are_counted_and_closed_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for position, state in enumerate(DeadLetter.State, start=1):
        DeadLetter.objects.create(group=GROUP, partition=0, position=position, entry_id=f"{position}-0", state=state)

    found = group()

    assert (found["dead_letters"], found["letters_to_retry"]) == (3, 1)
    assert "3 (1 to retry)" in table(monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("checkpoint", "left", "reads_from_log"), [(2, 3, False), (2, 2, True), (2, 0, True), (5, 0, False), (5, 3, False)]
)
def test_a_group_that_has_fallen_behind_the_stream(
    checkpoint: int, left: int, filled: Stream, monkeypatch: pytest.MonkeyPatch, *, reads_from_log: bool
) -> None:
    Checkpoint.objects.update(position=checkpoint)
    filled.trim(0, length=left)

    assert group()["reads_from_log"] == reads_from_log
    said = table("--group", GROUP, monkeypatch=monkeypatch)
    assert ("recorder has fallen behind the stream, and reads the log" in said) == reads_from_log


def test_the_log_s_status_is_shown_while_redis_is_down(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"
    Partition.objects.create(number=1)

    found = look()

    assert found["stream_error"].startswith("Redis does not answer")
    assert [point["lag"] for point in found["groups"]] == [3, 5]
    assert [point["pending"] for point in found["groups"]] == [None, None]
    assert table(monkeypatch=monkeypatch).count("Redis does not answer") == 2


def test_the_stream_s_memory_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.testing.FakeStream.memory_usage", lambda *_: 12_345)

    assert "stream tickets: 5 entries up to 5, 12.3 kB" in table(monkeypatch=monkeypatch)


def test_json_can_not_be_watched() -> None:
    with pytest.raises(CommandError, match="not allowed with argument"):
        look("--watch")


LONG_NAME = "tickets-2026-11-29-164212-of-the-north-hall"


@pytest.mark.parametrize("columns", [20, 40, 80, 120, 300])
def test_names_are_in_full_at_any_width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    Checkpoint.objects.filter(group=GROUP).update(target=LONG_NAME)
    said = StringIO()

    call_command("event_status", "--group", GROUP, stdout=said, force_color=True, no_color=False)

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in said.getvalue().splitlines()]
    assert max(map(len, lines)) <= columns
    assert GROUP in "\n".join(lines)
    assert LONG_NAME in "".join(lines)  # Only a terminal that is narrower than the name folds it.
    assert (LONG_NAME in "\n".join(lines)) is (columns > len(LONG_NAME))
