import pytest

from events.consumer.pace import Pace


def test_the_first_batch_is_small() -> None:
    assert Pace(500).events == 16
    assert Pace(3).events == 3


@pytest.mark.parametrize(
    ("seconds_per_event", "events"), [(0.0, 500), (0.00001, 500), (0.002, 500), (0.01, 100), (0.3, 3), (5, 1)]
)
def test_a_step_takes_a_second_at_most_if_an_event_takes_less(seconds_per_event: float, events: int) -> None:
    pace = Pace(500)

    pace.learn(16, 16 * seconds_per_event)

    assert pace.events == events


def test_a_slower_batch_is_believed_at_once_and_a_faster_one_by_halves() -> None:
    pace = Pace(500)
    pace.learn(100, 0.1)
    pace.learn(100, 1.6)
    events = [pace.events]
    for _ in range(4):
        pace.learn(100, 0.001)
        events.append(pace.events)

    assert events == [62, 124, 249, 497, 500]
