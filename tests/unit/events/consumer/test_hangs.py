"""What is counted when a handler hangs, and how the next owner goes on; tests/faults/test_hangs.py ends processes."""

from collections.abc import Sequence
from threading import Event, Thread

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from events.checks import TAG
from events.consumer.calls import Call, calling, calls_in_progress
from events.consumer.delivery import Delivery
from events.consumer.hangs import HangWatch, count_attempts, stacks
from events.envelope import Envelope
from events.exceptions import HandlerHung, Unprocessable
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.models import Checkpoint, DeadLetter
from tests.things import Recorder
from tests.unit.events.consumer.test_delivery import CLAIM, deliver, events, letters, position

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _checkpoint() -> None:
    checkpoint.load(CLAIM)


class Batches(Recorder):
    """Keeps the sizes of the batches that it gets."""

    max_attempts = 2

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.sizes.append(len(batch))
        super().handle(batch)


def counted() -> tuple[int | None, int, int, int]:
    row = Checkpoint.objects.get()
    return row.failed_position, row.attempts, row.hung_to, row.hangs


def hang(*calls: Sequence[Envelope], claim: Claim = CLAIM) -> None:
    count_attempts([Call(claim, batch, None) for batch in calls])


def test_of_a_batch_no_event_is_counted_but_its_events_are_taken_one_at_a_time() -> None:
    batches = Batches()
    batch = events(*"abcde")
    hang(batch[:3])
    assert counted() == (None, 0, 3, 1)

    assert deliver(batches, batch) == [1, 2, 3, 4, 5]

    assert batches.sizes == [1, 1, 1, 2]
    assert letters() == []


def test_an_event_that_hangs_alone_is_counted_and_parked_after_max_attempts() -> None:
    batches = Batches()
    batch = events(*"abc")
    deliver(batches, batch[:1])
    hang(batch[1:2])
    assert counted() == (2, 1, 2, 1)
    hang(batch[1:2])
    assert counted() == (2, 2, 2, 2)

    assert deliver(batches, batch[1:]) == [2, 3]

    assert batches.positions == [1, 3]
    assert [(place, state) for place, state, _ in letters()] == [(2, "parked")]
    assert DeadLetter.objects.get().error_type == "HandlerHung"


def test_of_several_batches_in_flight_the_first_is_counted_and_all_are_taken_one_at_a_time() -> None:
    batch = events(*"abcd")

    hang(batch[2:4], batch[1:2])

    assert counted() == (2, 1, 4, 1)


def test_an_attempt_of_a_process_that_has_lost_its_lease_is_not_counted() -> None:
    batch = events("a")

    hang(batch, claim=CLAIM._replace(epoch=0))

    assert counted() == (None, 0, 0, 0)


def test_a_letter_with_which_a_handler_hangs_is_parked_again() -> None:
    recorder = Recorder()
    recorder.refuses = {"a": Unprocessable("no")}
    batch = events("a", "b")
    deliver(recorder, batch)
    DeadLetter.objects.update(state=DeadLetter.State.RETRY)

    count_attempts([Call(CLAIM, batch[:1], DeadLetter.objects.get())])

    assert letters() == [(1, "parked", str(HandlerHung()))]
    assert DeadLetter.objects.get().attempts == 2
    assert counted() == (None, 0, 0, 1)
    delivery = Delivery(recorder, most=500)
    delivery.settled_to[0] = 2
    assert not delivery.retry_letter(CLAIM)


def test_a_group_that_is_set_back_takes_whole_batches_again() -> None:
    batches = Batches()
    batch = events(*"ab")
    hang(batch)

    checkpoint.move_by_hand(CLAIM.group, CLAIM.target, CLAIM.partition, 0)
    deliver(batches, batch)

    assert batches.sizes == [2]
    assert position() == 2


def test_calls_are_known_while_they_are_in_progress() -> None:
    batch = events("a")

    with calling(CLAIM, batch):
        assert calls_in_progress(CLAIM.group) == [Call(CLAIM, batch, None)]
        assert calls_in_progress("another") == []

    assert calls_in_progress(CLAIM.group) == []


def test_the_group_is_told_how_long_its_handler_is_silent() -> None:
    ownership = Ownership(CLAIM.group, "one")
    clock = iter((100.0, 101.0, 102.0))
    watch = HangWatch(ownership, clock=lambda: next(clock))

    with calling(CLAIM, events("a")):
        watch.look()
        watch.look()
        assert ownership.silent_seconds == 1.0
    watch.look()

    assert ownership.silent_seconds == 0.0


def test_the_stacks_show_where_each_other_thread_is_and_no_values() -> None:
    goes_on = Event()
    secret = "of " + "a person"
    thread = Thread(target=lambda _: goes_on.wait(), args=(secret,), name="handler")
    thread.start()
    try:
        shown = stacks()
    finally:
        goes_on.set()
        thread.join()

    assert "Thread handler:" in shown
    assert "goes_on.wait()" in shown
    assert secret not in shown


@pytest.mark.parametrize(("seconds", "ids"), [(0.5, []), (300, []), (0, ["events.E017"]), ("300", ["events.E017"])])
def test_the_setting_must_be_a_number_above_0(seconds: object, ids: list[str], settings: Settings) -> None:
    settings.EVENTS_HANDLER_SECONDS = seconds

    assert [found.id for found in run_checks(tags=[TAG]) if "HANDLER_SECONDS" in found.msg] == ids
