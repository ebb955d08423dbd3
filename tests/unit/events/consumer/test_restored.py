"""A process goes on while the database is restored from a backup, which takes back what it has seen."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import pytest

from events.consumer.consumer import POLL_SECONDS, Consumer
from events.consumer.settling import Batch
from events.dead_letters import actions
from events.exceptions import Diverged, LeaseLost, Unprocessable
from events.groups.ownership import Ownership
from events.log.partitions import forget_layout
from events.models import Checkpoint, DeadLetter, Partition
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.stream.interface import Stream
from events.subscriber import Subscriber
from tests.contracts.repartitioning import GROUP, MOVES, Ordered, consume, consumer, move, relay, repartition
from tests.things import Recorder
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _layout() -> Iterator[None]:
    forget_layout()
    yield
    forget_layout()


def start(one: Consumer) -> Consumer:
    one._open()
    one.ownership.join()
    go_on_until(one, lambda: bool(one._first.claims))
    return one


def go_on_until(one: Consumer, is_over: Callable[[], bool]) -> None:
    """Take steps, and open everything again after a failure."""

    def is_over_after_a_step() -> bool:
        try:
            one._step()
        except LeaseLost:
            one._open()
        return is_over()

    wait_until(is_over_after_a_step)


def letters() -> list[tuple[int | None, str]]:
    return list(DeadLetter.objects.order_by("position").values_list("position", "state"))


def set_back_to(position: int, **where: object) -> None:
    assert Checkpoint.objects.filter(group=GROUP, **where).update(position=position)


def test_a_letter_that_is_open_again_is_waited_for(stream: Stream) -> None:
    move(MOVES)
    relay(stream)
    consume(Ordered((MOVES, 1)), stream)
    one = start(consumer(subscriber := Ordered(), stream))
    actions.discard(DeadLetter.objects.all(), "operator", reason="void")
    move(MOVES)
    relay(stream)
    go_on_until(one, lambda: subscriber.handled == [(MOVES, 2)])

    DeadLetter.objects.update(state=DeadLetter.State.PARKED)
    set_back_to(1)
    go_on_until(one, lambda: letters() == [(1, "parked"), (2, "queued")])

    assert subscriber.handled == [(MOVES, 2)]


def test_the_log_is_not_read_until_a_diverged_stream_is_reset(stream: Stream) -> None:
    one = start(consumer(subscriber := Ordered(), stream))
    move(MOVES)
    relay(stream)
    stream.trim(0, length=0)
    Partition.objects.update(divergence="the log was restored")

    with pytest.raises(Diverged):
        wait_until(lambda: one._step() and bool(subscriber.handled))

    assert subscriber.handled == []


class Slow(Recorder):
    """A further target, which refuses the second event and hangs with the third until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.target = "slow"
        self.hangs = Event()
        self.goes_on = Event()

    def handle(self, batch: Batch) -> None:
        if batch[0].position == 2:
            raise Unprocessable
        if batch[0].position == 3:
            self.hangs.set()
            assert self.goes_on.wait(PATIENCE_SECONDS)
        super().handle(batch)


class WithSlow(Recorder):
    def __init__(self, slow: Slow) -> None:
        super().__init__()
        self._slow = slow

    def further_targets(self) -> Sequence[Subscriber]:
        return [self._slow]


def test_what_was_in_flight_moves_no_checkpoint_past_what_is_to_be_handled_again(stream: Stream) -> None:
    slow = Slow()
    limits = Limits(block_seconds=0.01, batch_size=1)
    one = Consumer(WithSlow(slow), stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits)
    move(MOVES, MOVES, MOVES)
    relay(stream)
    start(one)
    go_on_until(one, slow.hangs.is_set)
    assert dict(Checkpoint.objects.values_list("target", "position")) == {"": 3, "slow": 2}

    DeadLetter.objects.all().delete()
    set_back_to(1)
    with pytest.raises(LeaseLost):
        wait_until(lambda: one._step() is None)  # It never is: this ends by the error.
    slow.goes_on.set()
    one._open()

    def has_come_to_the_end() -> bool:
        position = Checkpoint.objects.get(target="slow").position
        assert position < 2 or letters() == [(2, "parked")]
        return position == 3

    go_on_until(one, has_come_to_the_end)


def test_a_new_partition_waits_again_for_what_another_process_handles_again(stream: Stream) -> None:
    move(MOVES)
    relay(stream)
    consume(Ordered(), stream)
    repartition(2)
    one = consumer(subscriber := Ordered(), stream)
    one._open()
    other = Ownership(GROUP, "another")
    one.ownership.join()
    other.join()
    assert other.acquire(0)
    one.ownership.assigned = frozenset({1})

    def go_on_until_it_has(places: str) -> None:
        def has() -> bool:
            other.heartbeat_if_due()  # It keeps its partition, however slow the machine is.
            return getattr(one._first, places).keys() == {1}

        go_on_until(one, has)

    go_on_until_it_has("claims")

    set_back_to(0, partition=0)
    go_on_until_it_has("held")
    move(MOVES)
    relay(stream)
    started_at = time.monotonic()
    go_on_until(one, lambda: time.monotonic() - started_at > 2 * POLL_SECONDS)

    assert one._first.held.keys() == {1}
    assert subscriber.handled == []
