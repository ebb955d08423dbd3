"""Positions on PostgreSQL, with several transactions at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Signal

import pytest
from django.db import connection

from events import log, record, unit_of_work
from events.models import LogEntry, Partition
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import ThingMade, ThingMoved
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 6
CHANGES = 25


@contextmanager
def held_open(work: Callable[[], object]) -> Iterator[None]:
    """Do the work in a transaction of another connection, which commits at the end of the block."""
    done, may_commit = Signal(), Signal()

    def hold() -> None:
        with unit_of_work():
            work()
            done.set()
            assert may_commit.wait(PATIENCE_SECONDS)
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(hold)
        assert done.wait(PATIENCE_SECONDS)
        try:
            yield
        finally:
            may_commit.set()
            holding.result()


def subjects_in_order() -> list[str]:
    return list(LogEntry.objects.order_by("place__position").values_list("subject", flat=True))


def test_concurrent_flushes_leave_no_gap_and_keep_the_order(stream: Stream) -> None:
    def write(writer: int) -> None:
        for version in range(1, CHANGES + 1):
            with unit_of_work():
                event = ThingMade if version == 1 else ThingMoved
                record(event(name=f"thing-{writer}", version=version))
        connection.close()

    with ThreadPoolExecutor(WRITERS) as threads:
        for writing in [threads.submit(write, writer) for writer in range(WRITERS)]:
            writing.result()
    relay.sweep(stream, 0)

    rows = LogEntry.objects.order_by("place__position").values_list(
        "place__position", "event_id", "subject", "aggregate_version"
    )
    assert [row[0] for row in rows] == list(range(1, WRITERS * CHANGES + 1))
    for writer in range(WRITERS):
        assert [row[3] for row in rows if row[2] == f"thing-{writer}"] == list(range(1, CHANGES + 1))
    sent = [entry.envelope for entry in stream.entries(0, after="0", count=1_000)]
    assert [(envelope.position, envelope.id) for envelope in sent if envelope] == [(row[0], row[1]) for row in rows]


def test_an_open_transaction_delays_only_itself_and_is_not_skipped(stream: Stream) -> None:
    with held_open(lambda: record(ThingMade(name="slow"))):
        for number in range(3):
            with unit_of_work():
                record(ThingMade(name=f"quick-{number}"))
        assert stream.length(0) == 3

    relay.sweep(stream, 0)
    assert subjects_in_order() == ["quick-0", "quick-1", "quick-2", "slow"]
    assert stream.length(0) == 4


def test_a_request_does_not_wait_for_another_flush(stream: Stream) -> None:
    with held_open(lambda: Partition.objects.select_for_update().get(number=0)):
        with unit_of_work():
            record(ThingMade(name="left to the relay"))
        assert stream.length(0) == 0
        assert log.last_position(0) == 0

    assert relay.sweep(stream, 0) == 1
