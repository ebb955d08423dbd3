"""A group with several targets: each has its own checkpoints, and none delays another."""

from collections.abc import Collection, Sequence
from threading import Event
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from events import record, unit_of_work
from events.consumer.consumer import BUSY_SECONDS, Consumer
from events.envelope import Envelope
from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.groups.ownership import Ownership
from events.models import Checkpoint, DeadLetter, LogEntry
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from events.subscriber import Subscriber
from tests.things import Recorder, ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db

GROUP = "recorder"


class Several(Recorder):
    """The first of several targets, which may change while it runs."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.target = "first"
        self.further = {name: named(name) for name in names}
        self.known = self.further.keys() | set()
        self.lost: set[str] = set()

    def has_target(self, target: str) -> bool:
        return target not in self.lost

    def further_targets(self) -> Sequence[Subscriber]:
        self.known = self.further.keys() | set()
        return list(self.further.values())

    def check(self, partitions: Collection[int]) -> None:
        if self.further.keys() != self.known:
            raise TargetLost("there are other targets now")


class Growing(Several):
    """Names further targets while it goes on with those that it has."""

    def check(self, partitions: Collection[int]) -> None:
        pass


class Counter(Recorder):
    """Keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def handle(self, batch: Sequence[Envelope]) -> None:
        super().handle(batch)
        self.batches.append(len(batch))


class Busy(Counter):
    """Gets the next event as soon as it has handled one, until there are eight."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.target = "first"
        self.second = Counter()
        self.second.target = "second"
        self._stream = stream

    def further_targets(self) -> Sequence[Subscriber]:
        return [self.second]

    def handle(self, batch: Sequence[Envelope]) -> None:
        super().handle(batch)
        if len(self.batches) < 8:
            make_things(1, self._stream)


def named(target: str) -> Recorder:
    recorder = Recorder()
    recorder.target = target
    return recorder


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.processes.backoff.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(
        "events.consumer.consumer.connections.close_all", lambda: None
    )  # One of them has the test's transaction.


def make_things(count: int, stream: Stream) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))
    relay.sweep(stream, 0)


def consume(subscriber: Subscriber, stream: Stream, *, batch_size: int = 500, block_seconds: float = 0.01) -> None:
    limits = Limits(block_seconds=block_seconds, batch_size=batch_size)
    Consumer(subscriber, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits).run(until_idle=True)


def checkpoints() -> dict[str, int]:
    return dict(Checkpoint.objects.filter(group=GROUP).values_list("target", "position"))


def test_each_target_gets_all_events_in_order(stream: Stream) -> None:
    several = Several("second", "third")
    make_things(5, stream)

    consume(several, stream, batch_size=2)

    assert [several.positions] + [further.positions for further in several.further.values()] == [[1, 2, 3, 4, 5]] * 3
    assert checkpoints() == {"first": 5, "second": 5, "third": 5}
    assert stream.pending(0, GROUP) == 0


def test_further_targets_get_whole_batches_while_the_first_is_busy(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.consumer.further_subscription.MAX_WAIT_SECONDS", 60)
    busy = Busy(stream)
    make_things(1, stream)

    consume(busy, stream, batch_size=3)

    assert busy.batches == [1, 1, 1, 1, 1, 1, 1, 1]
    assert busy.second.batches == [2, 3, 3]  # From the log, which may already have one more.


def test_a_new_target_is_fed_from_the_start(stream: Stream, settings: Settings) -> None:
    several = Several()
    make_things(3, stream)
    consume(several, stream)
    several.further["later"] = named("later")
    make_things(2, stream)

    consume(several, stream, batch_size=1)

    assert several.positions == several.further["later"].positions == [1, 2, 3, 4, 5]


def test_all_targets_that_are_new_at_once_are_fed_while_the_group_goes_on(stream: Stream) -> None:
    growing = Growing()
    make_things(3, stream)
    one = Consumer(growing, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=Limits(block_seconds=0.01))
    one._open()
    one.ownership.join()

    def is_fed(*targets: Recorder) -> bool:
        one._step()
        return all(target.positions == [1, 2, 3] for target in targets)

    wait_until(lambda: is_fed(growing))
    growing.further = {"second": named("second"), "third": named("third")}

    wait_until(lambda: is_fed(growing, *growing.further.values()))

    one._shut_down()
    assert checkpoints() == {"first": 3, "second": 3, "third": 3}


def test_the_stream_is_not_waited_for_while_a_target_is_behind(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several()
    make_things(3, stream)
    consume(several, stream)
    several.further["later"] = named("later")
    waits: set[tuple[bool, bool]] = set()
    read = stream.read

    def noting(*arguments: Any, block_seconds: float, **options: Any) -> Any:
        waits.add((block_seconds > BUSY_SECONDS, len(several.further["later"].handled) == 3))
        return read(*arguments, block_seconds=block_seconds, **options)

    monkeypatch.setattr(stream, "read", noting)

    consume(several, stream, batch_size=1, block_seconds=0.05)

    assert (False, False) in waits
    assert (True, False) not in waits


def test_a_removed_target_is_fed_no_longer(stream: Stream) -> None:
    several = Several("second")
    make_things(2, stream)
    consume(several, stream)
    second = several.further.pop("second")
    make_things(2, stream)

    consume(several, stream)

    assert (several.positions, second.positions) == ([1, 2, 3, 4], [1, 2])
    assert checkpoints() == {"first": 4, "second": 2}


def test_the_checkpoints_of_a_deleted_target_are_deleted(stream: Stream) -> None:
    several = Several("second")
    several.further["second"].refuses = {"thing-1": Unprocessable("too long for it")}
    make_things(2, stream)
    consume(several, stream)
    del several.further["second"]

    several.lost = {"second"}
    consume(several, stream)

    assert checkpoints() == {"first": 2}
    [letter] = DeadLetter.objects.all()
    assert (letter.target, letter.state, letter.actions.last().detail) == ("second", "discarded", "its target is gone")


def test_a_target_that_backs_off_delays_no_other(stream: Stream) -> None:
    several = Several("second", "third")
    several.further["second"].raises = [RetryLater("closed")] * 3
    make_things(3, stream)

    consume(several, stream)

    assert several.positions == several.further["second"].positions == several.further["third"].positions == [1, 2, 3]


def test_a_letter_is_parked_for_one_target_only(stream: Stream) -> None:
    several = Several("second")
    several.further["second"].refuses = {"thing-2": Unprocessable("too long for it")}
    make_things(3, stream)

    consume(several, stream)

    assert several.positions == [1, 2, 3]
    assert list(DeadLetter.objects.values_list("target", "position")) == [("second", 2)]
    assert checkpoints() == {"first": 3, "second": 3}


def test_a_target_far_behind_is_fed_while_the_first_always_has_work(stream: Stream) -> None:
    far = named("far")

    class AlwaysBusy(Several):
        def handle(self, batch: Sequence[Envelope]) -> None:
            wait_until(lambda: len(far.handled) >= len(self.handled) - 1)
            super().handle(batch)
            if len(self.handled) < 6:
                make_things(1, stream)

    busy = AlwaysBusy()
    busy.further["far"] = far
    make_things(1, stream)

    consume(busy, stream, batch_size=1)

    assert busy.positions == far.positions == [1, 2, 3, 4, 5, 6]


class Hung(Recorder):
    """Hangs until it is told to go on, and then does what it should."""

    def __init__(self) -> None:
        super().__init__()
        self.target = "hung"
        self.goes_on = Event()

    def handle(self, batch: Sequence[Envelope]) -> None:
        assert self.goes_on.wait(PATIENCE_SECONDS)
        super().handle(batch)


class Releasing(Recorder):
    """Lets a hung target go on once it has handled so many events itself."""

    def __init__(self, hung: Hung, *, after: int) -> None:
        super().__init__()
        self.target = "releasing"
        self._hung = hung
        self._after = after

    def handle(self, batch: Sequence[Envelope]) -> None:
        super().handle(batch)
        if len(self.handled) == self._after:
            self._hung.goes_on.set()


@pytest.mark.parametrize("overlap", [1, 2])
def test_a_target_that_hangs_keeps_no_other_waiting(
    stream: Stream, overlap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hung, "overlap", overlap)
    several = Several()
    several.further = {"hung": (hung := Hung()), "releasing": Releasing(hung, after=5)}
    make_things(5, stream)

    consume(several, stream, batch_size=1)

    assert several.positions == sorted(filter(None, hung.positions)) == [1, 2, 3, 4, 5]
    assert checkpoints() == {"first": 5, "hung": 5, "releasing": 5}


def test_a_letter_of_a_target_that_hangs_keeps_no_other_waiting(stream: Stream) -> None:
    several = Several()
    several.further["hung"] = hung = Hung()
    hung.goes_on.set()
    hung.refuses = {"thing-1": Unprocessable("not yet")}
    make_things(1, stream)
    consume(several, stream)
    hung.goes_on.clear()
    hung.refuses = {}
    several.further["releasing"] = Releasing(hung, after=3)
    DeadLetter.objects.update(state=DeadLetter.State.RETRY)
    make_things(2, stream)

    consume(several, stream)

    assert sorted(filter(None, hung.positions)) == [1, 2, 3]
    assert DeadLetter.objects.get().state == DeadLetter.State.HANDLED


def test_a_letter_that_a_target_can_not_take_now_delays_no_other(stream: Stream) -> None:
    several = Several()
    several.further["second"] = second = named("second")
    second.refuses = {"thing-1": Unprocessable("not yet")}
    make_things(1, stream)
    consume(several, stream)
    second.refuses = {}
    second.raises = [RetryLater("closed")]
    DeadLetter.objects.update(state=DeadLetter.State.RETRY)
    make_things(2, stream)

    consume(several, stream)

    assert several.positions == [1, 2, 3]
    assert DeadLetter.objects.get().state in {DeadLetter.State.RETRY, DeadLetter.State.HANDLED}


def test_a_transactional_target_is_called_in_the_caller_s_transaction(stream: Stream) -> None:
    several = Several()

    class Transactional(Recorder):
        transactional = True

        def handle(self, batch: Sequence[Envelope]) -> None:
            assert connection.in_atomic_block
            super().handle(batch)

    several.further["second"] = second = Transactional()
    second.target = "second"
    make_things(3, stream)

    consume(several, stream, batch_size=1)

    assert second.positions == [1, 2, 3]
    assert checkpoints() == {"first": 3, "second": 3}
