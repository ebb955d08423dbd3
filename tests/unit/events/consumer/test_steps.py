"""One bounded step at a time: letters, the log and the stream take turns, and a pause is seen between them."""

import time
from collections.abc import Callable, Sequence

import pytest

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.consumer.source import CLEARED_AT_ONCE
from events.envelope import Envelope
from events.exceptions import Unprocessable
from events.groups.ownership import PAUSED, Ownership
from events.log.partitions import forget_layout
from events.models import DeadLetter, LogEntry, Partition
from events.operations.control import GroupRequest, ask
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db

GROUP = "recorder"
LETTERS = 10
PARTITIONS = 40


class Doing(Recorder):
    """Does something once, while it handles its first event."""

    def __init__(self) -> None:
        super().__init__()
        self.does: Callable[[], None] | None = None

    def handle(self, batch: Sequence[Envelope]) -> None:
        super().handle(batch)
        if self.does:
            does, self.does = self.does, None
            does()


def make_things(count: int, stream: Stream) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))
    relay.sweep(stream, 0)


def consume(subscriber: Recorder, stream: Stream, **limits: int) -> None:
    limit = Limits(block_seconds=0.01, **limits)
    owner = Ownership(GROUP, "one")
    Consumer(subscriber, stream, owner, shutdown=Shutdown(), limits=limit).run(until_idle=not limits)


@pytest.fixture
def doing(stream: Stream) -> Doing:
    """A subscriber that has refused ten events, which are marked to be retried, and would handle them now."""
    doing = Doing()
    make_things(LETTERS, stream)
    doing.refuses = {f"thing-{number}": Unprocessable("not yet") for number in range(1, LETTERS + 1)}
    consume(doing, stream)
    doing.refuses = {}
    DeadLetter.objects.update(state=DeadLetter.State.RETRY)
    return doing


def test_a_live_event_waits_for_one_retried_letter_at_most(doing: Doing, stream: Stream) -> None:
    doing.does = lambda: make_things(1, stream)

    consume(doing, stream)

    assert sorted(filter(None, doing.positions)) == list(range(1, LETTERS + 2))
    assert doing.positions.index(LETTERS + 1) <= 2


def test_a_pause_waits_for_one_retried_letter_at_most(doing: Doing, stream: Stream) -> None:
    ownership = Ownership(GROUP, "one")
    limits = Limits(block_seconds=0.01)

    def pause() -> None:
        ask(GroupRequest.PAUSE, [GROUP])
        ownership.heartbeat()
        limits.started_at, limits.seconds = time.monotonic(), 0.3  # The process ends a moment later.

    doing.does = pause

    Consumer(doing, stream, ownership, shutdown=Shutdown(), limits=limits).run()

    assert doing.positions == [1]
    assert ownership.condition.state == PAUSED


def test_a_live_event_waits_for_one_batch_of_the_log_at_most(stream: Stream) -> None:
    doing = Doing()
    make_things(9, stream)
    stream.trim(0, length=1)
    doing.does = lambda: make_things(1, stream)

    consume(doing, stream, batch_size=2, events=10)

    assert doing.positions == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert stream.pending(0, GROUP) == 0


def test_a_step_looks_at_the_pending_lists_of_some_partitions_and_the_next_steps_at_all_others(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    Partition.objects.bulk_create(Partition(number=number) for number in range(1, PARTITIONS))
    forget_layout()
    asked: list[int] = []
    pending = stream.pending
    monkeypatch.setattr(
        stream, "pending", lambda partition, group: asked.append(partition) or pending(partition, group)
    )
    consumer = Consumer(
        Recorder(), stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=Limits(block_seconds=0.001)
    )
    consumer._open()
    consumer.ownership.join()

    counts = []
    for _ in range(PARTITIONS):
        before = len(asked)
        consumer._step()
        counts.append(len(asked) - before)

    assert max(counts) == CLEARED_AT_ONCE
    assert set(asked) == set(range(PARTITIONS))
