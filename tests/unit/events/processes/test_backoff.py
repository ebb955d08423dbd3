from events.exceptions import RetryLater
from events.processes.backoff import Backoff


def test_pauses_grow_up_to_a_quarter_of_a_minute() -> None:
    backoff = Backoff()

    pauses = [backoff.fail(RetryLater()) for _ in range(12)]

    assert all(longest / 2 <= pause <= longest for pause, longest in zip(pauses, [0.1, 0.2, 0.4, 0.8], strict=False))
    assert all(7.5 <= pause <= 15 for pause in pauses[8:])


def test_pauses_stay_a_quarter_of_a_minute_for_days() -> None:
    backoff = Backoff()

    pauses = [backoff.fail(RetryLater()) for _ in range(30_000)]

    assert all(7.5 <= pause <= 15 for pause in pauses[8:])


def test_a_success_resets_the_pauses() -> None:
    backoff = Backoff()
    for _ in range(9):
        backoff.fail(RetryLater())

    backoff.succeed()

    assert backoff.fail(RetryLater()) <= 0.1


def test_the_other_side_may_ask_for_more_up_to_an_hour() -> None:
    backoff = Backoff()

    assert backoff.fail(RetryLater(retry_after_seconds=40)) == 40
    assert backoff.fail(RetryLater(retry_after_seconds=90_000)) == 3600
