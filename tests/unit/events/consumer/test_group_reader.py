"""A consumer without Redis, or without its group: it reads the log, counts no failure, and returns to the stream."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.consumer.fetches import UNKNOWN_ENTRIES
from events.consumer.group_reader import GroupReader
from events.envelope import Envelope
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


class Late(Recorder):
    """Lets the stream have all events once it has handled the last one."""

    def __init__(self, stream: Stream, last: int) -> None:
        super().__init__()
        self.stream = stream
        self.last = last

    def handle(self, batch: Sequence[Envelope]) -> None:
        super().handle(batch)
        if batch[-1].position == self.last:
            relay.sweep(self.stream, 0)


def test_entries_that_come_after_the_log_was_read_are_passed_at_once(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_things(300)
    read, answers = FakeStream.read, []

    def noting(*arguments: Any, **options: Any) -> Any:
        answer = read(*arguments, **options)
        answers.append(sum(map(len, answer.values())))
        return answer

    monkeypatch.setattr(FakeStream, "read", noting)
    late = Late(stream, last=300)

    consume(stream, late)

    assert late.positions == list(range(1, 301))
    assert list(filter(None, answers)) == [UNKNOWN_ENTRIES]
    assert (stream.length(0), stream.pending(0, GROUP)) == (300, 0)


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
    reader.take_over(1, 5)
    answers.set()

    wait_until(lambda: reader.try_to_return({0: 2, 1: 5}) or not reader.why_away)

    assert rewound == [(0, 2), (1, 5)]


class TestOneOfSeveralServers:
    """Partition 1 is on another server, which is down."""

    @pytest.fixture(autouse=True)
    def outage(self, reader: GroupReader, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeStream, "server_of", lambda _stream, partition: f"server {partition % 2}")
        monkeypatch.setattr(FakeStream, "key", lambda stream, partition: f"{stream.dsn.stream}{partition or ''}")
        for partition in (1, 2, 3):
            reader.take_over(partition, 0)
        read, rewind = FakeStream.read, FakeStream.rewind

        def read_some(stream: FakeStream, group: str, consumer: str, partitions: list[int], **options: Any) -> Any:
            if 1 in partitions:
                error = StreamUnavailable("server 1 is down")
                error.partitions = [1]
                raise error
            return read(stream, group, consumer, partitions, **options)

        def rewind_some(stream: FakeStream, partition: int, group: str, *, after: int) -> None:
            if partition == 1:
                raise StreamUnavailable("server 1 is down")
            rewind(stream, partition, group, after=after)

        monkeypatch.setattr(FakeStream, "read", read_some)
        monkeypatch.setattr(FakeStream, "rewind", rewind_some)

    def test_only_its_partitions_are_read_from_the_log(self, reader: GroupReader) -> None:
        assert reader.read([0, 1, 2, 3], count=9) == {}

        assert reader.away == dict.fromkeys((1, 3), "server 1 is down")
        assert [entry.id for entry in reader.read([0, 2], count=9)[0]] == ["1-0", "2-0", "3-0"]

    def test_what_is_not_on_it_returns_without_it(self, reader: GroupReader) -> None:
        reader.away = {0: "a fail-over", 1: "a fail-over"}

        wait_until(lambda: reader.try_to_return({0: 3, 1: 0, 2: 0, 3: 0}) or 0 not in reader.away)

        assert reader.away == {1: "server 1 is down"}


def lost(*_: object, **__: object) -> Any:
    raise GroupLost


def test_a_partition_that_another_process_owns_by_now_is_away_no_longer(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = GroupReader(stream, GROUP, "one")
    with monkeypatch.context() as outage:
        take_away(outage)
        for partition in (0, 1):
            reader.take_over(partition, 0)
    assert reader.away.keys() == {0, 1}

    wait_until(lambda: reader.try_to_return({0: 0}) or not reader.away)

    assert reader.why_away == ""


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
