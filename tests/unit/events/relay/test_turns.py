"""The relay's turns: each partition gets one batch in a turn."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.log.partitions import partition_count, partition_of
from events.models import Partition
from events.relay.turns import Relay
from events.stream.interface import Stream
from tests.things import ThingMade

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_partitions(settings: Settings) -> Iterator[None]:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    Partition.objects.create(number=1)
    partition_count.cache_clear()
    yield
    partition_count.cache_clear()


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
    assert lengths(stream) == [500, 1]

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
