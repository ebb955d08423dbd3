"""The relay's turns: each partition gets one batch in a turn."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.exceptions import StreamUnavailable
from events.log.partitions import forget_layout, partition_of
from events.models import Partition
from events.relay.turns import Relay
from events.stream.interface import Stream
from events.stream.tail import Tail
from events.testing import FakeStream
from tests.things import ThingMade
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_partitions(settings: Settings) -> Iterator[None]:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    Partition.objects.create(number=1)
    forget_layout()
    yield
    forget_layout()


def make_things(partition: int, count: int) -> None:
    names = (f"thing-{partition}-{number}" for number in range(100_000))
    in_partition = (name for name in names if partition_of(name) == partition)
    with unit_of_work():
        record(*(ThingMade(name=next(in_partition)) for _ in range(count)))


def lengths(stream: Stream) -> list[int]:
    return [stream.length(0), stream.length(1)]


def test_a_backlog_does_not_keep_another_partition_waiting(stream: Stream) -> None:
    make_things(0, 501)
    make_things(1, 1)
    relay = Relay(stream)

    assert relay.take_turn().has_more
    # The first of two batches is appended in the background.
    wait_until(lambda: lengths(stream) == [500, 1], within_seconds=5)

    while relay.take_turn().has_more:
        pass
    assert lengths(stream) == [501, 1]


def test_a_partition_that_stands_still_does_not_keep_another_waiting(stream: Stream) -> None:
    Partition.objects.filter(number=0).update(divergence="the log was restored")
    make_things(0, 1)
    make_things(1, 1)

    turn = Relay(stream).take_turn()

    assert [problem.partition(";")[0] for problem in turn.problems] == ["partition 0: the log was restored"]
    assert lengths(stream) == [0, 1]
    assert [log.last_position(0), log.last_position(1)] == [0, 1]


class TestAway:
    """A server does not answer."""

    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        asked: list[int] = []
        tail = FakeStream.tail

        def tail_of_some(stream: FakeStream, partition: int) -> Tail:
            asked.append(partition)
            if stream.server_of(partition) == stream.server_of(0):
                raise StreamUnavailable("the server is down")
            return tail(stream, partition)

        monkeypatch.setattr(FakeStream, "tail", tail_of_some)
        return asked

    def test_the_partitions_of_other_servers_go_on(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch, asked: list[int]
    ) -> None:
        monkeypatch.setattr(FakeStream, "server_of", lambda _stream, partition: f"server {partition}")
        make_things(0, 1)
        make_things(1, 1)
        relay = Relay(stream)

        turns = [relay.take_turn() for _ in range(3)]

        assert [turn.problems for turn in turns] == [["the server is down"]] * 3
        assert lengths(stream) == [0, 1]
        assert log.last_position(0) == 1  # Consumers find it in the log.
        assert asked.count(0) == 1  # It is left alone, since to ask it may take a time-out.

    def test_a_log_that_was_restored_with_fewer_partitions_is_served(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FakeStream, "server_of", lambda _stream, partition: f"server {partition % 2}")
        Partition.objects.bulk_create([Partition(number=2), Partition(number=3)])
        forget_layout()
        relay = Relay(stream)
        relay.take_turn()

        Partition.objects.filter(number__in=[2, 3]).delete()
        make_things(1, 1)

        assert relay.take_turn().problems == ["the server is down"]
        assert lengths(stream) == [0, 1]

    def test_a_server_that_has_all_partitions_is_asked_once_in_a_turn(self, stream: Stream, asked: list[int]) -> None:
        relay = Relay(stream)

        for _ in range(2):
            with pytest.raises(StreamUnavailable):
                relay.take_turn()

        assert asked == [0, 0]
