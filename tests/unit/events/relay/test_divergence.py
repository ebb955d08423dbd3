import pytest

from events import log, record, unit_of_work
from events.exceptions import Diverged
from events.models import LogEntry, Partition
from events.relay import divergence
from events.relay import flush as relay
from events.stream.interface import Stream
from events.stream.tail import EMPTY
from tests.things import ThingMade, envelope_at

pytestmark = pytest.mark.django_db


def make_things(count: int) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))


def state() -> tuple[str, bool]:
    partition = Partition.objects.get(number=0)
    return partition.divergence, partition.has_lost_events


@pytest.fixture
def restored(stream: Stream) -> Stream:
    """Create a stream of five entries, and a log that was restored to the first two."""
    make_things(5)
    relay.sweep(stream, 0)
    LogEntry.objects.filter(place__position__gt=2).delete()
    Partition.objects.update(last_position=2)
    return stream


def sweep_is_refused(stream: Stream) -> None:
    with pytest.raises(Diverged, match="until the stream is reset"):
        relay.sweep(stream, 0)


def test_a_stream_of_this_log_has_not_diverged(stream: Stream) -> None:
    make_things(2)
    relay.sweep(stream, 0)
    relay.sweep(stream, 0)

    assert state() == ("", False)
    assert divergence.all_current() == {}


def test_a_foreign_entry_is_stored_as_the_divergence(stream: Stream) -> None:
    make_things(2)
    relay.sweep(stream, 0)
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="1795456618552-0")

    sweep_is_refused(stream)

    assert state() == ("the stream ends with an entry at 1795456618552 that is not an event", False)
    assert divergence.all_current() == {0: state()[0]}


def test_deleting_the_foreign_entry_does_not_end_the_divergence(stream: Stream) -> None:
    make_things(2)
    relay.sweep(stream, 0)
    foreign = stream._client.xadd(stream.key(0), {"KEY": "VALUE"})
    stream._client.xdel(stream.key(0), foreign)
    make_things(1)

    sweep_is_refused(stream)

    assert "a deleted entry at position" in state()[0]
    assert stream.length(0) == 2


def test_deleting_the_own_last_entry_is_not_a_divergence(stream: Stream) -> None:
    make_things(2)
    relay.sweep(stream, 0)
    stream._client.xdel(stream.key(0), "2-0")
    make_things(1)

    relay.sweep(stream, 0)

    assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["1-0", "3-0"]


def test_a_key_of_another_type_is_stored_as_the_divergence(stream: Stream) -> None:
    stream._client.set(stream.key(0), "VALUE")
    make_things(1)

    sweep_is_refused(stream)

    assert state() == ("the stream's key holds something that is not a stream", False)


def test_a_restored_log_is_marked_as_one_that_lost_events(restored: Stream) -> None:
    sweep_is_refused(restored)

    assert state()[0].endswith("at position 5, which the log does not have there")
    assert state()[1]


def test_a_restored_log_stays_diverged_when_it_has_caught_up(restored: Stream) -> None:
    restored._client.xtrim(restored.key(0), maxlen=0, approximate=False)
    sweep_is_refused(restored)
    make_things(9)
    relay.flush_batch(restored, 0)  # By a request, which gives positions before it compares.
    assert log.last_position(0) == 11

    sweep_is_refused(restored)
    restored._client.flushall()
    sweep_is_refused(restored)

    assert restored.length(0) == 0


def test_a_request_stores_the_divergence_for_the_relay(stream: Stream) -> None:
    make_things(2)
    relay.sweep(stream, 0)
    stream._client.delete(stream.key(0))
    stream.append(0, EMPTY, [envelope_at(1)])
    make_things(1)
    relay.flush_committed({0})
    stream._client.delete(stream.key(0))

    sweep_is_refused(stream)


def test_a_foreign_entry_below_the_compacted_events_is_foreign(stream: Stream) -> None:
    Partition.objects.update(compacted_to=10, last_position=10)
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="5-0")

    sweep_is_refused(stream)
