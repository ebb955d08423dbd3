"""The relay reads the next batch while the stream takes one."""

from collections.abc import Callable, Sequence
from itertools import count
from threading import Event

import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.envelope import Envelope
from events.exceptions import StreamUnavailable
from events.log.positions import GivenPositions, give_positions
from events.relay import partition_relay
from events.relay.flush import sweep
from events.stream.tail import Tail
from events.testing import FakeStream, fake_stream
from tests.things import ThingMade

pytestmark = pytest.mark.django_db


class Slow(FakeStream):
    """Does something at its first append: before it, or after it."""

    before: Callable[["Slow"], object] = staticmethod(lambda _: None)
    after: Callable[["Slow"], object] = staticmethod(lambda _: None)

    def append(
        self, partition: int, expected: Tail, envelopes: Sequence[Envelope], *, generation: int | None = None
    ) -> Tail:
        before, self.before = self.before, lambda _: None
        after, self.after = self.after, lambda _: None
        before(self)
        tail = super().append(partition, expected, envelopes, generation=generation)
        after(self)
        return tail


@pytest.fixture
def slow(settings: Settings) -> Slow:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with fake_stream() as stream:
        return Slow(stream.dsn)


def make_things(count: int) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(count)))


def expect_all(stream: FakeStream, count: int) -> None:
    found = [entry.id for entry in stream.entries(0, after="0", count=10_000)]
    assert found == [f"{position}-0" for position in range(1, count + 1)]


def test_the_next_batch_gets_its_positions_while_the_stream_takes_one(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_things(600)
    given, waited, calls = Event(), [], count()

    def give(partition: int) -> GivenPositions:
        positions = give_positions(partition)
        if next(calls):
            given.set()
        return positions

    monkeypatch.setattr(partition_relay, "give_positions", give)
    slow.before = lambda _: waited.append(given.wait(5))

    assert sweep(slow, 0) == 600

    assert waited == [True]
    expect_all(slow, 600)


def test_a_batch_that_does_not_arrive_is_read_again_with_the_next_one(slow: Slow) -> None:
    make_things(1_200)
    slow.before = lambda stream: stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="1-0")

    assert sweep(slow, 0) == 1_200

    expect_all(slow, 1_200)


def test_a_stream_that_is_wiped_behind_a_batch_is_filled_again(slow: Slow) -> None:
    make_things(1_200)
    slow.after = lambda stream: stream.wipe()

    sweep(slow, 0)

    expect_all(slow, 1_200)


def test_an_outage_during_a_batch_is_raised_and_nothing_is_left_out_afterwards(slow: Slow) -> None:
    make_things(1_200)

    def fail(_: Slow) -> None:
        raise StreamUnavailable("it hangs")

    slow.before = fail

    with pytest.raises(StreamUnavailable):
        sweep(slow, 0)
    assert sweep(slow, 0) == 1_200

    expect_all(slow, 1_200)
