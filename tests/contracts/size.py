"""Many or large events take a bounded amount of memory; a test class of each tier derives from these."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.exceptions import EventTooLarge
from events.groups.ownership import Ownership
from events.log.positions import give_positions
from events.models import LogEntry
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

LARGE = 40
MEGABYTE = 1_000_000
AROUND_THE_NOTE = len('{"name":"thing-00","version":1,"note":""}')


class Peak:
    """The highest additional memory of a block, in bytes."""

    size = 0


@contextmanager
def traced() -> Iterator[Peak]:
    """Measure Python's objects: exact, but slow."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
        peak.size = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@contextmanager
def watched() -> Iterator[Peak]:
    """Measure the process: free, but coarse, since memory that earlier tests left is not counted."""
    peak = Peak()
    Path("/proc/self/clear_refs").write_text("5")  # Resets the highest value.
    before = _memory("VmRSS")
    yield peak
    peak.size = _memory("VmHWM") - before


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def thing_of(size: int, number: int = 0) -> ThingMade:
    """Return an event whose JSON has exactly that many bytes."""
    return ThingMade(name=f"thing-{number:02}", note="x" * (size - AROUND_THE_NOTE))


def record_large() -> None:
    for number in range(LARGE):
        with unit_of_work():
            record(thing_of(MEGABYTE, number))


class Weigher(Recorder):
    """Keeps the numbers of events and bytes of each batch instead of the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, int]] = []

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.batches.append((len(batch), sum(len(envelope.data) for envelope in batch)))


def consume(stream: Stream) -> Weigher:
    weigher = Weigher()
    Consumer(weigher, stream, Ownership("readers", "one"), shutdown=Shutdown(), limits=Limits()).run(until_idle=True)
    return weigher


@pytest.mark.django_db(transaction=True)
class SizeContract:
    measured: Callable[[], AbstractContextManager[Peak]]
    """How the memory of very many events is measured."""
    many = 15_000

    def test_many_events_in_one_transaction_take_the_memory_of_a_few(self, stream: Stream) -> None:
        note = "x" * (30 * MEGABYTE // self.many)
        events = [ThingMade(name=str(number), note=note) for number in range(self.many)]

        with self.measured() as peak, unit_of_work():
            record(*events)

        assert LogEntry.objects.count() == self.many
        assert peak.size < 25 * MEGABYTE < self.many * len(note)

    @pytest.mark.parametrize("limit", [MEGABYTE, 5_000])
    def test_an_event_at_the_size_limit_is_accepted_and_one_byte_more_is_refused(
        self, limit: int, settings: Settings
    ) -> None:
        settings.EVENTS_MAX_EVENT_BYTES = limit
        with unit_of_work():
            record(thing_of(limit))
        with pytest.raises(EventTooLarge, match=f"{limit + 1:,} bytes"), unit_of_work():
            record(thing_of(limit + 1, number=1))

        assert [len(data) for data in LogEntry.objects.values_list("data", flat=True)] == [limit]

    def test_large_events_in_one_transaction_are_inserted_in_bounded_statements(self, stream: Stream) -> None:
        events = [thing_of(MEGABYTE, number) for number in range(LARGE)]

        with traced() as peak, unit_of_work():
            record(*events)

        assert LogEntry.objects.count() == LARGE
        assert peak.size < 60 * MEGABYTE

    def test_large_events_are_fetched_from_the_log_one_by_one(self) -> None:
        record_large()
        give_positions(0)

        with traced() as peak:
            [envelope] = log.read_after(0, 0)

        assert (envelope.position, len(envelope.data)) == (1, MEGABYTE)
        assert peak.size < 5 * MEGABYTE

    def test_large_events_reach_the_stream_and_the_subscriber_in_small_batches(self, stream: Stream) -> None:
        record_large()
        with traced() as peak:
            relay.sweep(stream, 0)
        assert peak.size < 20 * MEGABYTE

        weigher = consume(stream)

        assert stream.length(0) == LARGE
        assert sum(count for count, _ in weigher.batches) == LARGE
        assert weigher.batches[0] == (16, 16 * MEGABYTE)
        assert set(weigher.batches[1:]) == {(1, MEGABYTE)}
