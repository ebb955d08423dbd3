import pytest

from events.consumer.pace import Pace


def steps(pace: Pace, count: int, *, per_event: float = 0, per_batch: float = 0) -> list[int]:
    """Let a subscriber handle batches; return their sizes."""
    sizes = []
    for _ in range(count):
        sizes.append(pace.events)
        pace.learn(pace.events, per_batch + per_event * pace.events)
    return sizes


def test_the_first_batch_is_small() -> None:
    assert Pace(500).events == 16
    assert Pace(3).events == 3


def test_a_fast_subscriber_gets_full_batches_soon() -> None:
    assert steps(Pace(500), 7, per_event=0.00001) == [16, 32, 64, 128, 256, 500, 500]


@pytest.mark.parametrize("per_event", [0.005, 0.01, 0.1, 0.3, 5])
def test_a_step_takes_little_more_than_a_second_if_an_event_takes_less(per_event: float) -> None:
    sizes = steps(Pace(500), 30, per_event=per_event)[5:]

    assert max(sizes) * per_event <= max(1.3, 2 * per_event)
    assert min(sizes) >= min(0.7 / per_event, 1)


def test_a_subscriber_that_takes_long_whatever_the_size_gets_full_batches() -> None:
    assert steps(Pace(500), 30, per_batch=3, per_event=0.0001)[-1] == 500


def test_a_subscriber_that_becomes_slow_gets_small_batches_at_once_and_large_ones_again_later() -> None:
    pace = Pace(500)
    steps(pace, 10, per_event=0.0001)

    assert max(steps(pace, 10, per_event=0.02)[1:]) <= 63
    assert steps(pace, 10, per_event=0.0001)[-1] == 500


def test_few_live_events_do_not_make_the_next_batch_small() -> None:
    pace = Pace(500)
    steps(pace, 10, per_batch=0.005, per_event=0.0001)
    for _ in range(10):
        pace.learn(1, 0.0051)

    assert pace.events == 500
