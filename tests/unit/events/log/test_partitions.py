"""A database whose migrations have run, but not yet the step after them that creates the partitions."""

import logging
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.exceptions import PartitionsMissing
from events.groups.ownership import Ownership
from events.log.partitions import create_partitions, forget_layout
from events.management.commands.relay_events import _relay_or_log
from events.models import LogEntry, Partition
from events.processes.limits import Limits
from events.processes.migrations import Tables
from events.processes.shutdown import Shutdown
from events.processes.throttled_log import ThrottledLog
from events.relay.turns import Relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db

SAYS_WHAT_TO_DO = "run manage.py migrate"


@pytest.fixture(autouse=True)
def _no_partitions() -> Iterator[None]:
    Partition.objects.all().delete()
    forget_layout()
    yield
    forget_layout()


def test_nothing_is_recorded_before_the_partitions_exist(stream: Stream) -> None:
    with pytest.raises(PartitionsMissing, match=SAYS_WHAT_TO_DO), unit_of_work():
        record(ThingMade(name="a"))
    assert not LogEntry.objects.exists()

    create_partitions(using="default")
    with unit_of_work():
        record(ThingMade(name="a"))
    assert LogEntry.objects.get().partition == 0


def test_a_running_relay_goes_on_once_the_partitions_exist(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    relay, tables, throttled_log = Relay(stream), Tables(), ThrottledLog(logging.getLogger("events.relay"))
    _relay_or_log(relay, tables, throttled_log)
    assert SAYS_WHAT_TO_DO in caplog.text

    create_partitions(using="default")
    with unit_of_work():
        record(ThingMade(name="a"))
    _relay_or_log(relay, tables, throttled_log)

    assert stream.length(0) == 1


class Migrating(Recorder):
    """Is opened before the partitions exist, and again when they do."""

    opened = 0

    def open(self) -> str:
        self.opened += 1
        if self.opened == 2:
            create_partitions(using="default")
        return super().open()


def test_a_running_consumer_goes_on_once_the_partitions_exist(
    stream: Stream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.processes.backoff.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("events.consumer.consumer.connections.close_all", lambda: None)  # The test's transaction.
    ownership, limits = Ownership("recorder", "one"), Limits(block_seconds=0.01)

    Consumer(Migrating(), stream, ownership, shutdown=Shutdown(), limits=limits).run(until_idle=True)

    assert SAYS_WHAT_TO_DO in caplog.text
    assert limits.failed == 1


@pytest.mark.parametrize(
    "command",
    [
        ("relay_events", "--once"),
        ("event_status",),
        ("tail_events",),
        ("trim_stream",),
        ("trace_event", "1"),
        ("reset_stream",),
        ("reset_group", "readmodel", "--to", "0"),
    ],
)
def test_commands_say_what_to_do(stream: Stream, command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=SAYS_WHAT_TO_DO):
        call_command(*command)


def test_doctor_says_what_to_do(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("doctor")

    assert "FAULT  partitions: the database has none yet. Run manage.py migrate." in capsys.readouterr().out
