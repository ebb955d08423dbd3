"""Test how long a message is tried that its receiver does not take."""

import pytest

from tickets.webhooks.answers import MessageRefused, ReceiverFails, ReceiverGone, ReceiverRefuses
from tickets.webhooks.patience import MOST_REMEMBERED, Patience

FAILS, REFUSES, GONE = (
    ReceiverFails("503", status=503),
    ReceiverRefuses("404", status=404),
    ReceiverGone("410", status=410),
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(clock)


def given_up_after(patience: Patience, clock: Clock, failure: ReceiverFails, *, most: int, takes_others: bool) -> float:
    """Try each second; return after how many seconds the message is given up, -1 if it is not."""
    for second in range(most + 1):
        clock.now = second
        if takes_others:
            patience.take(f"other {second}")
        if isinstance(patience.fail("message", failure), MessageRefused):
            return second
    return -1


def test_a_receiver_that_refuses_all_during_its_deployment_loses_nothing(patience: Patience, clock: Clock) -> None:
    for second in range(120):
        clock.now = second
        assert all(patience.fail(str(number), REFUSES) is REFUSES for number in range(126))

    assert patience.take("0") == 121
    assert patience.take("0") == 1


@pytest.mark.parametrize(
    ("failure", "takes_others", "seconds"),
    [(REFUSES, False, 300), (REFUSES, True, 61), (FAILS, True, 301), (FAILS, False, -1), (GONE, False, -1)],
    ids=["refuses all", "refuses one", "fails with one", "fails with all", "is gone"],
)
def test_a_message_is_given_up_after_minutes(
    patience: Patience,
    clock: Clock,
    failure: ReceiverFails,
    takes_others: bool,  # noqa: FBT001
    seconds: float,
) -> None:
    assert given_up_after(patience, clock, failure, most=3600, takes_others=takes_others) == seconds


def test_the_receivers_own_outage_does_not_count_against_a_message(patience: Patience, clock: Clock) -> None:
    for second in range(3600):
        clock.now = second
        patience.fail("message", FAILS)
    patience.take("other")

    clock.now = 3600.0
    assert patience.fail("message", FAILS) is FAILS
    clock.now = 3899.0
    assert patience.fail("message", FAILS) is FAILS
    clock.now = 3900.0
    assert str(patience.fail("message", FAILS)) == "503, after 3603 attempts"


def test_a_pause_between_attempts_does_not_count(patience: Patience, clock: Clock) -> None:
    patience.fail("message", REFUSES)
    clock.now = 86400.0

    assert [type(patience.fail("message", REFUSES)) for _ in range(4)] == [*[ReceiverRefuses] * 3, MessageRefused]


def test_only_so_many_messages_are_remembered(patience: Patience) -> None:
    for number in range(MOST_REMEMBERED + 10):
        patience.fail(str(number), FAILS)

    assert (patience.attempts("9"), patience.attempts("10")) == (0, 1)
