"""Test that instruments pass on what they are told, to nobody or to one observer."""

from collections.abc import Iterator

import pytest

from events import record, unit_of_work
from events.measuring.catalogue import RECORDED, STORED
from events.measuring.instruments import Counter, Gauge, Histogram, Instrument, Labels, Switch, instruments
from tests.things import ThingMade


class Told(list[tuple[float, Labels]]):
    """An observer that keeps what it is told."""

    def __call__(self, value: float, labels: Labels) -> None:
        self.append((value, labels))


@pytest.fixture
def name() -> Iterator[str]:
    """A name that is free again after the test."""
    yield "events_of_a_test_total"
    del Instrument.all["events_of_a_test_total"]


def test_without_an_observer_nothing_is_kept(name: str) -> None:
    counter = Counter(name, "Of a test.")
    counter.add(1)
    told = Told()
    counter.observe(told)

    counter.add(2)
    counter.observe(None)
    counter.add(3)

    assert told == [(2, ())]


def test_a_gauge_falls_again_after_a_block_that_fails(name: str) -> None:
    gauge, told = Gauge(name, "Of a test.", ["group"]), Told()
    gauge.observe(told)

    with pytest.raises(OSError, match="of a test"), gauge.raised("access"):
        raise OSError("of a test")

    assert told == [(1, ("access",)), (-1, ("access",))]


def test_a_switch_is_one_or_zero(name: str) -> None:
    switch, told = Switch(name, "Of a test."), Told()
    switch.observe(told)

    switch.turn(bool(1))
    switch.turn(bool(0))

    assert told == [(1, ()), (0, ())]


def test_a_histogram_times_a_block_that_fails(name: str) -> None:
    histogram, told = Histogram(name, "Of a test."), Told()
    histogram.observe(told)

    with pytest.raises(OSError, match="of a test"), histogram.timed():
        raise OSError("of a test")

    [(seconds, labels)] = told
    assert (0 <= seconds < 60, labels) == (True, ())


def test_a_name_is_taken_once(name: str) -> None:
    Counter(name, "Of a test.")

    with pytest.raises(ValueError, match=name):
        Gauge(name, "Of a test.")


def test_names_and_sentences_follow_the_conventions_of_prometheus() -> None:
    for instrument in instruments():
        assert instrument.name.startswith(("events_", "readmodel_", "tickets_", "http_", "database_"))
        assert instrument.name.endswith("_total") == isinstance(instrument, Counter)
        assert instrument.documentation.endswith(".")


@pytest.mark.django_db
def test_recorded_events_are_counted_by_type_and_stored_ones_too() -> None:
    recorded, stored = Told(), Told()
    observers = {RECORDED: RECORDED._observer, STORED: STORED._observer}
    RECORDED.observe(recorded)
    STORED.observe(stored)
    try:
        with unit_of_work():
            record(ThingMade(name="one"), ThingMade(name="two"))
    finally:
        for instrument, observer in observers.items():
            instrument.observe(observer)

    assert recorded == [(1, ("thing.made",)), (1, ("thing.made",))]
    assert stored == [(2, ())]
