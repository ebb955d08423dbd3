"""A consumer without Redis, or without its group: it reads the log, counts no failure, and returns to the stream."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.consumer.group_reader import GroupReader
from events.exceptions import GroupLost, StreamUnavailable
from events.groups.ownership import CONSUMING, Condition, Ownership
from events.log.positions import give_positions
from events.models import LogEntry
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from events.testing import FakeStream
from tests.things import Recorder, ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db

GROUP = "recorder"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.consumer.group_reader.RETURN_SECONDS", 0)


def make_things(count: int) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))
    give_positions(0)


def take_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise StreamUnavailable("Redis is down")

    for name in ("append", "create_group", "read", "rewind", "acknowledge", "pending"):
        monkeypatch.setattr(FakeStream, name, fail)


def consume(stream: Stream, recorder: Recorder) -> Consumer:
    limits = Limits(block_seconds=0.01, failures=1)
    consumer = Consumer(recorder, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits)
    consumer.run(until_idle=True)
    return consumer


def test_without_redis_the_log_is_read_to_its_end_and_no_failure_is_counted(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_things(5)
    take_away(monkeypatch)
    recorder = Recorder()

    consumer = consume(stream, recorder)

    assert recorder.positions == [1, 2, 3, 4, 5]
    assert consumer.limits.failed == 0
    assert consumer.ownership.condition == Condition(CONSUMING, "Redis is down")
    assert caplog.text.count("recorder reads the log instead of the stream: Redis is down") == 1


def test_a_server_that_does_not_listen_is_no_failure(settings: Settings, stream: Stream) -> None:
    settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"
    make_things(2)
    recorder = Recorder()

    consumer = consume(relay.open_stream(), recorder)

    assert (recorder.positions, consumer.limits.failed) == ([1, 2], 0)


LOSSES: list[Callable[[FakeStream], object]] = [
    FakeStream.wipe,
    lambda stream: stream._client.xgroup_destroy(stream.key(0), GROUP),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_lost_group_is_made_again_where_the_consumer_is(
    stream: FakeStream, lose: Callable[[FakeStream], object]
) -> None:
    class Losing(Recorder):
        def handle(self, batch: Any) -> None:
            super().handle(batch)
            if len(self.handled) == 2:
                lose(stream)
                make_things(1)

    make_things(2)
    relay.sweep(stream, 0)
    losing = Losing()

    consumer = consume(stream, losing)

    assert (losing.positions, consumer.limits.failed) == ([1, 2, 3], 0)
    relay.sweep(stream, 0)
    make_things(1)
    relay.sweep(stream, 0)
    assert consume(stream, losing).limits.failed == 0
    assert losing.positions == [1, 2, 3, 4]
    assert stream.pending(0, GROUP) == 0


@pytest.fixture
def reader(stream: Stream) -> GroupReader:
    make_things(3)
    relay.sweep(stream, 0)
    reader = GroupReader(stream, GROUP, "one")
    reader.take_over(0, 0)
    return reader


def test_it_returns_once_the_group_is_set_to_where_the_consumer_is(
    reader: GroupReader, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(reader.read([0], count=9)[0]) == 3
    with monkeypatch.context() as outage:
        take_away(outage)
        assert reader.read([0], count=9) == {}
        reader.try_to_return({0: 2})
        assert reader.why_away == "Redis is down"

    wait_until(lambda: reader.try_to_return({0: 2}) or not reader.why_away)

    assert stream.pending(0, GROUP) == 0
    assert [entry.id for entry in reader.read([0], count=9)[0]] == ["3-0"]


def test_it_returns_only_once_every_partition_is_set(
    reader: GroupReader, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.consumer.group_reader.PATIENCE_SECONDS", 0)
    answers, rewound = Event(), []

    def rewind(_stream: FakeStream, partition: int, _group: str, *, after: int) -> None:
        assert answers.wait(PATIENCE_SECONDS)
        rewound.append((partition, after))

    monkeypatch.setattr(FakeStream, "rewind", rewind)
    with monkeypatch.context() as outage:
        outage.setattr(FakeStream, "read", lost)
        reader.read([0], count=9)
    reader.try_to_return({0: 2})
    answers.set()

    wait_until(lambda: reader.try_to_return({0: 2, 1: 5}) or not reader.why_away)

    assert rewound == [(0, 2), (0, 2), (1, 5)]


def lost(*_: object, **__: object) -> Any:
    raise GroupLost


def test_what_is_settled_is_acknowledged(reader: GroupReader, stream: Stream) -> None:
    reader.read([0], count=9)

    reader.acknowledge({0: 2})
    assert stream.pending(0, GROUP) == 1
    reader.acknowledge({0: 3})
    assert stream.pending(0, GROUP) == 0


def test_what_another_has_read_is_removed_unless_something_of_ours_is_pending(
    reader: GroupReader, stream: Stream
) -> None:
    stream.read(GROUP, "late", [0], count=2, block_seconds=0)
    reader.read([0], count=9)
    reader.remove_leftovers(0, after=3)
    assert stream.pending(0, GROUP) == 3

    reader.acknowledge({0: 3})
    reader.remove_leftovers(0, after=3)

    assert stream.pending(0, GROUP) == 0
