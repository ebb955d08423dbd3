"""manage.py doctor on SQLite and a stream in memory; the integration tests use real servers."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Thread, current_thread
from typing import ClassVar

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK, free_port
from events import record, unit_of_work
from events.groups.ownership import RETRYING, Condition, Ownership
from events.models import Checkpoint, ConsumerGroup, DeadLetter, Lease, LogEntry, Member
from events.operations.doctor import examine
from events.operations.doctor.finding import Finding
from events.relay import flush as relay
from events.relay import signing_keys
from events.stream.interface import Stream
from events.stream.redis_stream import RedisStream
from tests.things import Recorder, ThingMade, envelope_at

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"recorder": "tests.things.Recorder"}
    Checkpoint.objects.create(group="recorder", partition=0)
    Ownership("recorder", "one").heartbeat()


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Supply the server information that fakeredis lacks."""
    said = {"redis_version": "7.0.15", "role": "master", "maxmemory_policy": "noeviction", "aof_enabled": "1"}
    monkeypatch.setattr(RedisStream, "information", lambda _stream: said | {"rdb_last_save_time": "0"})


def faults(stream: Stream) -> list[tuple[str, str]]:
    return [(found.about, found.found) for found in examine(stream) if found.is_fault]


def make_thing() -> None:
    with unit_of_work():
        record(ThingMade(name=f"thing-{LogEntry.objects.count() + 1}"))


@pytest.mark.usefixtures("healthy")
class TestExamine:
    def test_a_healthy_system_has_no_faults(self, stream: Stream) -> None:
        make_thing()
        relay.sweep(stream, 0)

        assert faults(stream) == []

    def test_events_without_a_position_are_a_fault(self, stream: Stream) -> None:
        make_thing()
        LogEntry.objects.update(time=timezone.now() - timedelta(seconds=9))

        assert faults(stream) == [("events without a position", "1 wait for a relay, the oldest for 9 s")]

    def test_a_stream_behind_the_log_is_a_fault(self, stream: Stream) -> None:
        make_thing()
        relay.sweep(stream, 0)
        stream.delete(0)

        assert faults(stream) == [("stream's end", f"{stream.key(0)} is 1 events behind the log")]

    def test_a_divergence_that_no_relay_has_seen_yet_is_a_fault(self, stream: Stream) -> None:
        stream.append(0, stream.tail(0), [envelope_at(1)])

        [(about, found)] = faults(stream)

        assert about == "divergence"
        assert "at position 1, which the log does not have there" in found

    def test_a_foreign_end_is_a_fault_only_while_no_relay_runs(self, stream: Stream) -> None:
        make_thing()
        relay.sweep(stream, 0)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="9-0")

        [(about, found)] = faults(stream)
        assert about == "stream's end"
        assert found.endswith("the stream ends with an entry at 9 that is not an event of the log")

        relay.sweep(stream, 0)
        Checkpoint.objects.update(position=1)
        assert faults(stream) == []

    def test_a_signing_key_that_the_database_does_not_know_is_a_fault(self, stream: Stream, settings: Settings) -> None:
        signing_keys.register()
        settings.EVENTS_STREAM_KEYS = ["x" * 40]

        [(about, found)] = faults(stream)

        assert about == "signing key"
        assert found.endswith("the database does not know this key: foreign entries are not taken away")
        settings.EVENTS_STREAM_KEYS = ["x" * 40, settings.SECRET_KEY]
        signing_keys.register()
        assert faults(stream) == []

    def test_a_group_that_never_ran_is_a_fault(self, stream: Stream) -> None:
        Checkpoint.objects.all().delete()

        assert faults(stream) == [("group", "recorder never ran")]

    def test_a_long_lag_is_a_fault(self, stream: Stream) -> None:
        make_thing()
        relay.sweep(stream, 0)
        LogEntry.objects.update(time=timezone.now() - timedelta(seconds=100))

        [(about, found)] = faults(stream)
        assert about == "lag"
        assert re.fullmatch(r"recorder, partition 0: 1 events, the oldest 1\d\d s", found)

    def test_a_dead_letter(self, stream: Stream) -> None:
        event = envelope_at(1)
        DeadLetter.objects.create(
            group="recorder", partition=0, position=1, event_id=event.id, type=event.type, subject="", error=""
        )

        assert faults(stream) == [("dead letters", "recorder has 1 open")]

    def test_a_closed_letter_is_not_a_fault(self, stream: Stream) -> None:
        DeadLetter.objects.create(group="recorder", partition=0, entry_id="1-0", state=DeadLetter.State.DISCARDED)

        assert faults(stream) == []

    def test_a_group_without_a_process_is_a_fault(self, stream: Stream) -> None:
        Member.objects.update(seen_until=LONG_AGO, alive_until=LONG_AGO)

        assert faults(stream) == [("group", "no process of recorder runs")]

    def test_a_paused_group(self, stream: Stream) -> None:
        ConsumerGroup.objects.update(paused=True)

        assert faults(stream) == [("group", "recorder is paused")]

    def test_a_retrying_process_is_a_fault(self, stream: Stream) -> None:
        ownership = Ownership("recorder", "two")
        ownership.condition = Condition(RETRYING, "RetryLater: no disk", datetime(2027, 5, 1, 20, 0, tzinfo=UTC))
        ownership.heartbeat()

        said = f"recorder {ownership.member} is retrying, next at 20:00:00+0000: RetryLater: no disk"
        assert faults(stream) == [("process", said)]

    def test_a_silent_handler_is_a_fault(self, stream: Stream) -> None:
        ownership = Ownership("recorder", "two")
        ownership.silent_seconds = 45.0
        ownership.heartbeat()

        said = f"recorder {ownership.member}: its handler has made no progress for 45 s"
        assert faults(stream) == [("handler", said)]

    def test_a_hung_handler_is_a_fault_until_its_events_are_settled(self, stream: Stream) -> None:
        make_thing()
        relay.sweep(stream, 0)
        Checkpoint.objects.update(hung_to=1, hangs=3)

        said = "recorder, partition 0: a handler hung with an event from 1 to 1; hangs so far: 3"
        assert faults(stream) == [("handler", said)]

        Checkpoint.objects.update(position=1)
        assert faults(stream) == []

    def test_an_unowned_partition_with_waiting_events_is_a_fault(self, stream: Stream) -> None:
        Lease.objects.update(expires_at=LONG_AGO)
        assert faults(stream) == []  # No event waits.
        make_thing()
        relay.sweep(stream, 0)

        [(about, said)] = faults(stream)

        assert about == "lease"
        assert said.startswith("recorder, partition 0: events wait, and no process has taken it since ")
        ConsumerGroup.objects.update(paused=True)
        assert faults(stream) == [("group", "recorder is paused")]

    def test_a_checkpoint_above_the_log_is_a_fault(self, stream: Stream) -> None:
        Checkpoint.objects.update(position=7)

        [found] = [found for found in examine(stream) if found.is_fault]

        assert found.found == "recorder, partition 0: at 7, but the log ends at 0"
        assert found.remedy.endswith("manage.py reset_group recorder --partition 0 --to 0")

    def test_refused_commands_are_a_fault(self, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(RedisStream, "refused_commands", lambda _stream: ["XTRIM tickets: no"])

        assert faults(stream) == [("Redis's permissions", "its user may not run these commands: XTRIM tickets: no")]

    def test_only_faults_have_a_remedy(self, stream: Stream) -> None:
        Checkpoint.objects.all().delete()

        assert {bool(found.remedy) for found in examine(stream)} == {True, False}
        assert all(found.about and found.found for found in examine(stream))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"redis_version": "6.2.14"}, "stream"),
        ({"role": "slave"}, "Redis's role"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy"),
    ],
)
@pytest.mark.usefixtures("healthy")
def test_an_unsuitable_server_is_a_fault(
    said: dict[str, str], fault: str, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = stream.information()
    monkeypatch.setattr(RedisStream, "information", lambda _stream: {**healthy, **said})

    assert [about for about, _ in faults(stream)] == [fault]


def test_a_silent_stream_is_reported_once() -> None:
    said = StringIO()

    with pytest.raises(SystemExit) as stopped:
        call_command("doctor", "--json", stdout=said)

    assert stopped.value.code == 1
    findings = [Finding(**found) for found in json.loads(said.getvalue())]
    assert [(found.about, found.remedy) for found in findings if found.is_fault] == [
        ("stream", "start Redis, or correct EVENT_STREAM_URL")
    ]


def test_an_error_that_ends_as_a_sentence_gets_no_second_full_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENTS_STREAM_URL = f"redis://{LOOPBACK}:{free_port()}/tickets"
    monkeypatch.setattr("sys.exit", lambda _code: None)
    said = StringIO()

    call_command("doctor", "--no-color", stdout=said)

    assert "Connection refused. Start Redis, or correct EVENT_STREAM_URL." in said.getvalue()


class LoadedBy(Recorder):
    """Notes which thread loads it, and which one asks its target."""

    threads: ClassVar[list[Thread]] = []

    def __init__(self) -> None:
        super().__init__()
        self.threads.append(current_thread())

    def examine(self) -> Iterator[tuple[str, str]]:
        self.threads.append(current_thread())
        yield from ()


@pytest.mark.usefixtures("healthy")
def test_the_patience_with_a_target_begins_when_its_client_is_loaded(stream: Stream, settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"recorder": f"{__name__}.LoadedBy"}
    LoadedBy.threads.clear()

    assert faults(stream) == []

    loading, asking = LoadedBy.threads
    assert loading is current_thread()
    assert asking.name == "patience"


@pytest.mark.usefixtures("healthy", "stream")
def test_without_a_fault_the_exit_code_is_0() -> None:
    said = StringIO()

    call_command("doctor", stdout=said)

    assert said.getvalue().splitlines()[0].startswith(("ok     database: SQLite 3.", "ok     database: PostgreSQL "))
    assert "FAULT" not in said.getvalue()
