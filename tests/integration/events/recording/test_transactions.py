"""Transactions on PostgreSQL, also concurrent ones."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from config.web.answers.problems import is_lost_race
from events import record, unit_of_work
from events.recording.collector import Collector, collecting
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.contracts.requests import RequestContract, ask, atomic_requests  # noqa: F401 (fixtures)
from tests.contracts.transactions import ForeignCallbackContract, TransactionContract, names_in_log, names_on
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS


class TestTransactionsOnPostgreSQL(TransactionContract):
    """Nestings of transactions on PostgreSQL."""


class TestForeignCallbacksOnPostgreSQL(ForeignCallbackContract):
    """Failing callbacks on PostgreSQL."""


class TestRequestsOnPostgreSQL(RequestContract):
    """Requests on PostgreSQL."""


@pytest.mark.django_db(transaction=True)
def test_of_two_units_in_opposite_order_one_succeeds_and_the_other_is_refused(stream: Stream) -> None:
    both_have_their_first = Barrier(2)

    def make(first: str, second: str) -> DatabaseError | None:
        try:
            with unit_of_work():
                record(ThingMade(name=first))
                both_have_their_first.wait(PATIENCE_SECONDS)
                record(ThingMade(name=second))
        except DatabaseError as error:
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(make, "ab", "ba"))

    [error] = [outcome for outcome in outcomes if outcome]
    assert is_lost_race(error)
    assert names_in_log() == (["a", "b"] if outcomes[0] is None else ["b", "a"])
    relay.sweep(stream, 0)
    assert names_on(stream) == names_in_log()


def close_in_a_new_thread(collector: Collector) -> None:
    def close() -> None:
        collector.close()
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(close).result()


@pytest.mark.django_db(transaction=True)
def test_a_unit_that_is_closed_in_a_new_thread_reaches_the_stream(stream: Stream) -> None:
    with collecting(Collector()) as collector, transaction.atomic():
        record(ThingMade(name="a"))

    close_in_a_new_thread(collector)

    assert names_on(stream) == ["a"]


@pytest.mark.django_db(transaction=True)
def test_a_unit_that_is_closed_in_a_new_thread_wakes_the_relay(stream: Stream, settings: Settings) -> None:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    stream.wait_for_wake(0.01)  # It is subscribed from here on.
    with collecting(Collector()) as collector, transaction.atomic():
        record(ThingMade(name="a"))

    close_in_a_new_thread(collector)

    started = time.monotonic()
    stream.wait_for_wake(PATIENCE_SECONDS)
    assert time.monotonic() - started < PATIENCE_SECONDS / 2
    assert names_on(stream) == []
