"""Batches with events that can't be handled."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import ClassVar

import pytest

from events import log, record, unit_of_work
from events.consumer.delivery import Delivery
from events.consumer.settling import Batch
from events.dead_letters import actions
from events.envelope import Envelope
from events.exceptions import AttemptFailed, LeaseLost, PartlyHandled, RetryLater, Unprocessable
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.log.positions import give_positions
from events.models import Checkpoint, DeadLetter, DeadLetterAction, LogEntry
from events.subscriber import Subscriber
from tests.things import Recorder, ThingMade, ThingMoved
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db

CLAIM = Claim("recorder", "", 0, epoch=1)
State = DeadLetter.State


class Ordered(Recorder):
    ordered = True


class Picky(Ordered):
    """Names the events that failed, and skips later ones of the same aggregate."""

    def handle(self, batch: Sequence[Envelope]) -> None:
        failed: dict[str, Exception] = {}
        for envelope in batch:
            if envelope.subject not in failed and envelope.subject not in self.refuses:
                self.handled.append(envelope)
            failed |= {envelope.subject: self.refuses[envelope.subject]} if envelope.subject in self.refuses else {}
        first = {envelope.subject: envelope.id for envelope in reversed(batch)}
        if failed:
            raise PartlyHandled({first[subject]: error for subject, error in failed.items()})


@pytest.fixture(autouse=True)
def _checkpoint() -> None:
    checkpoint.load(CLAIM)


def events(*names: str) -> list[Envelope]:
    """Record an event of each thing, with its next version, and return the events with their positions."""
    first = log.last_position(0)
    with unit_of_work():
        for name in names:
            version = LogEntry.objects.filter(subject=name).count() + 1
            made = ThingMade if version == 1 else ThingMoved
            record(made(name=name, version=version))
    give_positions(0)
    return log.read_after(0, first)


def deliver(subscriber: Subscriber, batch: Batch) -> list[int | None]:
    """Deliver the batch, and return the positions that were settled, in order."""
    delivery = Delivery(subscriber, most=500)
    delivery.settled_to[0] = position()
    try:
        delivery.deliver(CLAIM, batch)
        delivery.settle()
    finally:
        delivery.close()
    return [event.position for event in batch if (event.position or 0) <= delivery.settled_to[CLAIM.partition]]


def retry(subscriber: Subscriber) -> None:
    DeadLetter.objects.filter(state=State.PARKED).update(state=State.RETRY)
    delivery = Delivery(subscriber, most=500)
    delivery.settled_to[0] = position()
    while delivery.retry_letter(CLAIM):
        pass


def letters() -> list[tuple[int | None, str, str]]:
    rows = DeadLetter.objects.order_by("position")
    return [(letter.position, letter.state, letter.error) for letter in rows]


def position() -> int:
    return Checkpoint.objects.get().position


def test_only_the_failing_event_is_parked_and_at_once() -> None:
    recorder = Recorder()
    recorder.refuses = {"c": Unprocessable("it does not fit")}

    assert deliver(recorder, events(*"abcde")) == [1, 2, 3, 4, 5]

    assert letters() == [(3, "parked", "it does not fit")]
    assert sorted(recorder.positions) == [1, 2, 4, 5]
    assert position() == 5


def test_an_event_that_meets_a_bug_is_parked_after_max_attempts() -> None:
    recorder = Recorder()
    recorder.refuses = {"c": ZeroDivisionError("a bug")}
    batch = events(*"abcde")

    for attempt in (1, 2, 3, 4):
        with pytest.raises(AttemptFailed, match=f"attempt {attempt} of 5 with thing.made of c at 3"):
            deliver(recorder, batch[position() :])
        assert (position(), letters()) == (2, [])
    assert deliver(recorder, batch[2:]) == [3, 4, 5]

    [letter] = DeadLetter.objects.all()
    assert (letter.position, letter.attempts, letter.error_type, letter.error) == (3, 5, "ZeroDivisionError", "a bug")
    assert "ZeroDivisionError: a bug" in letter.traceback
    assert Checkpoint.objects.values_list("failed_position", "attempts").get() == (None, 0)


def test_attempts_are_counted_per_event() -> None:
    recorder = Recorder()
    batch = events("a", "b")
    recorder.refuses = {"a": ZeroDivisionError()}
    for _ in range(3):
        with pytest.raises(AttemptFailed):
            deliver(recorder, batch)
    recorder.refuses = {"b": ZeroDivisionError()}

    with pytest.raises(AttemptFailed, match="attempt 1 of 5"):
        deliver(recorder, batch)


def test_only_later_events_of_a_parked_aggregate_queue_behind_it() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}

    deliver(recorder, events("a", "b", "a", "b"))
    recorder.refuses = {}
    deliver(recorder, events("b", "a"))

    assert [(place, state) for place, state, _ in letters()] == [(1, "parked"), (3, "queued"), (6, "queued")]
    assert recorder.positions == [2, 4, 5]
    assert position() == 6


def test_without_order_later_events_of_a_parked_aggregate_are_handled() -> None:
    recorder = Recorder()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a"))
    recorder.refuses = {}

    deliver(recorder, events("a", "a"))

    assert recorder.positions == [2, 3]
    assert letters() == [(1, "parked", "no")]


def test_a_retried_letter_and_those_queued_behind_it_are_handled_in_order() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a", "b", "a", "a"))
    recorder.refuses = {}

    retry(recorder)

    assert recorder.positions == [2, 1, 3, 4]
    assert {state for _, state, _ in letters()} == {"handled"}
    assert list(DeadLetterAction.objects.filter(letter__position=1).values_list("action", flat=True)) == [
        "parked",
        "handled",
    ]
    assert deliver(recorder, events("a")) == [5]


def test_an_event_that_is_delivered_again_is_not_handled_as_a_letter_before() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a"))
    recorder.refuses = {"b": RetryLater("down")}
    batch = events("a", "b", "a")
    with pytest.raises(RetryLater):
        deliver(recorder, batch)
    assert letters()[1:] == [(place, "queued", "an earlier event of its aggregate is parked") for place in (2, 4)]
    recorder.refuses = {}

    retry(recorder)
    deliver(recorder, batch)
    retry(recorder)

    assert recorder.positions == [1, 3, 2, 4]
    assert {state for _, state, _ in letters()} == {"handled"}


def test_a_failed_retry_is_parked_again_and_its_queue_stays() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a", "a"))
    recorder.refuses = {"a": Unprocessable("still no")}

    retry(recorder)

    assert letters() == [(1, "parked", "still no"), (2, "queued", "an earlier event of its aggregate is parked")]
    assert DeadLetter.objects.get(position=1).attempts == 2
    assert position() == 2


def test_letters_queued_behind_a_discarded_one_follow_by_themselves() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a", "a", "a"))
    recorder.refuses = {}
    DeadLetter.objects.filter(position=1).update(state=State.DISCARDED)

    retry(recorder)

    assert recorder.positions == [2, 3]
    assert [state for _, state, _ in letters()] == ["discarded", "handled", "handled"]


def test_a_letter_is_discarded_only_once_its_event_is_not_delivered_again() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a"))
    recorder.refuses = {"b": RetryLater("down")}
    batch = events("a", "b")
    with pytest.raises(RetryLater):
        deliver(recorder, batch)
    assert letters() == [(1, "parked", "no"), (2, "queued", "an earlier event of its aggregate is parked")]

    outcome = actions.discard(DeadLetter.objects.all(), "ada", reason="void")
    recorder.refuses = {}
    deliver(recorder, batch)
    again = actions.discard(DeadLetter.objects.all(), "ada", reason="void")
    retry(recorder)

    assert outcome.done == 1
    assert outcome.left_out == {"not yet: their group is still before their events, and would handle them": 1}
    assert again.done == 1
    assert recorder.positions == [3]
    assert [state for _, state, _ in letters()] == ["discarded", "discarded"]


def test_a_retry_waits_while_the_target_does_not_answer() -> None:
    recorder = Recorder()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a"))
    recorder.refuses = {"a": RetryLater("down")}

    with pytest.raises(RetryLater):
        retry(recorder)

    assert letters() == [(1, "retry", "no")]


def test_a_retry_also_waits_for_a_subscriber_that_names_the_failures() -> None:
    picky = Picky()
    picky.refuses = {"a": Unprocessable("no")}
    deliver(picky, events("a"))
    picky.refuses = {"a": RetryLater("down")}

    with pytest.raises(RetryLater):
        retry(picky)
    picky.refuses = {"a": Unprocessable("still no")}
    retry(picky)

    assert letters() == [(1, "parked", "still no")]


def test_nothing_is_repeated_for_a_subscriber_that_names_the_failures() -> None:
    picky = Picky()
    picky.refuses = {"b": Unprocessable("no")}

    assert deliver(picky, events("a", "b", "c", "b", "a")) == [1, 2, 3, 4, 5]

    assert picky.positions == [1, 3, 5]
    assert [(place, state) for place, state, _ in letters()] == [(2, "parked"), (4, "queued")]
    assert position() == 5


def test_what_follows_an_event_that_failed_too_often_is_settled_too() -> None:
    picky = Picky()
    picky.refuses = {"b": ZeroDivisionError("a bug"), "d": Unprocessable("no")}
    batch = events(*"abcd")
    for _ in range(4):
        with pytest.raises(AttemptFailed):
            deliver(picky, batch[position() :])

    assert deliver(picky, batch[position() :]) == [2, 3, 4]

    assert letters() == [(2, "parked", "a bug"), (4, "parked", "no")]
    assert position() == 4


def test_the_checkpoint_stays_before_an_event_that_is_kept() -> None:
    picky = Picky()
    picky.refuses = {"a": Unprocessable("no"), "c": RetryLater("down")}

    with pytest.raises(RetryLater, match="down"):
        deliver(picky, events("a", "b", "c", "d"))

    assert position() == 2
    assert letters() == [(1, "parked", "no")]


def test_an_event_with_an_open_letter_is_handled_only_through_it() -> None:
    recorder = Recorder()
    recorder.refuses = {"b": Unprocessable("no")}
    batch = events(*"abc")
    deliver(recorder, batch)
    recorder.refuses = {}

    deliver(recorder, batch)  # As after the group was set back.

    assert recorder.positions == [1, 3, 1, 3]
    assert letters() == [(2, "parked", "no")]


def test_an_event_is_left_out_up_to_the_last_open_letter() -> None:
    recorder = Recorder()
    recorder.refuses = {"b": Unprocessable("no"), "d": Unprocessable("no")}
    batch = events(*"abcd")
    deliver(recorder, batch)
    recorder.refuses = {}

    deliver(recorder, batch[2:])  # As after the group was set back.

    assert recorder.positions == [1, 3, 3]


def test_an_event_with_a_closed_letter_is_handled_again_after_the_group_was_set_back() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no"), "b": Unprocessable("no")}
    batch = events("a", "a", "b")
    deliver(recorder, batch)
    recorder.refuses = {"b": Unprocessable("not yet")}
    retry(recorder)
    assert [(place, state) for place, state, _ in letters()] == [(1, "handled"), (2, "handled"), (3, "parked")]

    deliver(recorder, batch)  # As after the group was set back.

    assert recorder.positions == [1, 2, 1, 2]


def test_an_event_between_two_open_letters_waits_behind_the_first() -> None:
    recorder = Ordered()
    batch = events("a", "a", "a")
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, batch[:1])
    deliver(recorder, batch[2:])
    recorder.refuses = {}

    deliver(recorder, batch[1:2])  # As after the group was set back.

    assert recorder.handled == []
    assert [(place, state) for place, state, _ in letters()] == [(1, "parked"), (2, "queued"), (3, "queued")]


def test_after_a_lost_lease_nothing_is_queued_behind_a_letter() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    batch = events("a", "a")
    deliver(recorder, batch[:1])
    Checkpoint.objects.update(epoch=2)

    with pytest.raises(LeaseLost):
        deliver(recorder, batch[1:])

    assert letters() == [(1, "parked", "no")]


def test_after_a_lost_lease_a_failed_retry_does_not_touch_the_letter() -> None:
    recorder = Ordered()
    recorder.refuses = {"a": Unprocessable("no")}
    deliver(recorder, events("a"))
    Checkpoint.objects.update(epoch=2)

    with pytest.raises(LeaseLost):
        retry(recorder)

    assert letters() == [(1, "retry", "no")]


def test_after_a_lost_lease_nothing_is_parked_or_moved() -> None:
    recorder = Recorder()
    recorder.refuses = {"a": Unprocessable("no")}
    batch = events("a")
    Checkpoint.objects.update(epoch=2)

    with pytest.raises(LeaseLost):
        deliver(recorder, batch)

    assert (position(), letters()) == (0, [])


class Transactional(Subscriber):
    """Has its effects in our database, and fails after them for the events that the test names."""

    transactional = True
    fails: ClassVar[set[str]] = set()

    def handle(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            Checkpoint.objects.create(group="effect", target=envelope.subject, partition=0)
        if any(envelope.subject in self.fails for envelope in batch):
            raise Unprocessable("after its effect")


def effects() -> list[str]:
    return list(Checkpoint.objects.filter(group="effect").order_by("target").values_list("target", flat=True))


def test_effects_in_our_database_share_a_transaction_with_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transactional, "fails", {"b"})

    deliver(Transactional(), events(*"abc"))

    assert effects() == ["a", "c"]  # Each once, although the batch was handled in parts.


def test_a_lost_lease_rolls_back_the_effects() -> None:
    batch = events("a")
    Checkpoint.objects.update(epoch=2)

    with pytest.raises(LeaseLost):
        deliver(Transactional(), batch)

    assert effects() == []


class Overlapping(Subscriber):
    """Blocks its first batch until the second one is handled."""

    overlap = 2

    def __init__(self, fails: Callable[[], None] = lambda: None) -> None:
        self.second_is_handled = Event()
        self.handled: list[int | None] = []
        self.fails = fails

    def handle(self, batch: Sequence[Envelope]) -> None:
        if batch[0].position == 1:
            assert self.second_is_handled.wait(PATIENCE_SECONDS)
            self.fails()
        self.handled += [envelope.position for envelope in batch]
        self.second_is_handled.set()


def deliver_two(subscriber: Overlapping) -> dict[int, int]:
    delivery = Delivery(subscriber, most=500)
    delivery.settled_to[0] = position()
    first, second = events("a", "b"), events("c")
    try:
        delivery.deliver(CLAIM, first)
        assert (position(), delivery.settled_to) == (0, {0: 0})
        delivery.deliver(CLAIM, second)
        delivery.settle()
    finally:
        delivery.close()
    return delivery.settled_to


def test_overlapping_batches_are_settled_in_their_order() -> None:
    overlapping = Overlapping()

    assert deliver_two(overlapping) == {CLAIM.partition: 3}

    assert overlapping.handled == [3, 1, 2]
    assert position() == 3


def test_the_checkpoint_stays_before_a_failed_batch_although_the_next_was_handled() -> None:
    def fail() -> None:
        raise RetryLater("down")

    with pytest.raises(RetryLater):
        deliver_two(Overlapping(fail))

    assert position() == 0


def test_after_a_failure_a_stop_does_not_settle_the_batch_behind_it() -> None:
    delivery = Delivery(Overlapping(lambda: _raise(RetryLater("down"))), most=500)
    delivery.settled_to[0] = position()
    first, second = events("a", "b"), events("c")
    delivery.deliver(CLAIM, first)
    with pytest.raises(RetryLater):
        delivery.deliver(CLAIM, second)

    delivery.settle()
    delivery.close()

    assert position() == 0


def _raise(error: Exception) -> None:
    raise error
