"""Test what is counted on the way of events that are handled, fail, or are forged."""

import pytest

from events import record, unit_of_work
from events.exceptions import Unprocessable
from events.testing import FakeStream, run_until_idle
from tests.figures import Figures
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db(transaction=True)


def make(*names: str) -> None:
    with unit_of_work():
        record(*(ThingMade(name=name) for name in names))


def test_each_stage_counts_its_events_once(stream: FakeStream) -> None:
    figures = Figures()

    make("a", "b", "c")
    run_until_idle("readers", Recorder())

    expected = {
        "events_recorded_total thing.made": 3,
        "events_stored_total": 3,
        "events_store_seconds_count": 1,
        "events_flushes_total sent": 1,
        "events_flush_seconds_count": 1,
        "events_flushed_total": 3,
        "events_appended_total": 3,
        "events_append_events_count": 1,
        "events_append_events_sum": 3,
        "events_read_total readers stream": 3,
        "events_read_total readers log": 0,
        "events_handle_seconds_count readers": 1,
        "events_handle_events_sum readers": 3,
        "events_consumed_total readers": 3,
        "events_consumed_age_seconds_count readers": 1,
        "events_leases_acquired_total readers": 1,
        "events_leases readers": 0,
        "events_retried_total readers": 0,
    }
    assert figures.of(*expected) == expected


def test_what_the_stream_lacks_is_counted_as_read_from_the_log(stream: FakeStream) -> None:
    make("a", "b")
    figures = Figures()
    stream.trim(0, length=0)

    run_until_idle("late readers", Recorder())

    expected = {"events_read_total late readers log": 2, "events_read_total late readers stream": 0}
    assert figures.of(*expected) == expected


class Refusing(Recorder):
    def handle(self, batch: object) -> None:
        raise Unprocessable("of a test")


def test_a_batch_that_is_split_and_the_events_that_are_parked_are_counted(stream: FakeStream) -> None:
    figures = Figures()
    make("a", "b")

    run_until_idle("refusing", Refusing())

    expected = {
        "events_batches_split_total refusing": 1,
        "events_parked_total refusing": 2,
        "events_consumed_total refusing": 2,
        "events_handle_seconds_count refusing": 3,
    }
    assert figures.of(*expected) == expected


def test_entries_that_are_not_ours_are_counted_by_what_is_wrong_with_them(stream: FakeStream) -> None:
    make("a")
    figures = Figures()
    stream._client.xadd(stream.key(0), {"type": "thing.made"}, id="2-0")

    assert [entry.envelope is None for entry in stream.entries(0, after="0", count=10)] == [False, True]

    expected = {"events_rejected_entries_total mac": 1, "events_rejected_entries_total event": 0}
    assert figures.of(*expected) == expected
