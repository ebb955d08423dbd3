"""verify_log on PostgreSQL: its findings, traffic that must not count, and a read model that follows repairs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.aggregates import load_aggregates
from events.operations.verify_log import Step, Verification
from events.stream.interface import Stream
from tests.contracts.verify_log import VerifyLogContract, found
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.integration.events.log.test_positions import held_open
from tests.locks import somebody_waits_for_a_lock
from tests.tickets import FIELDS, issue
from tests.waiting import wait_until
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


class TestVerifyLogOnPostgreSQL(VerifyLogContract):
    """The comparison on the production database."""


def verification(*, repair: bool = False) -> Verification:
    return Verification("ticket", load_aggregates()["ticket"], repair=repair)


@contextmanager
def changing_without_end(tickets: list[Ticket]) -> Iterator[None]:
    """Cancel each ticket's newest replacement again and again, in another thread."""
    stop = threading.Event()

    def change() -> int:
        changes = 0
        while not stop.is_set():
            tickets[changes % len(tickets)] = tickets[changes % len(tickets)].cancel()
            changes += 1
        connection.close()
        return changes

    with ThreadPoolExecutor(1) as thread:
        changing = thread.submit(change)
        try:
            yield
        finally:
            stop.set()
        assert changing.result() > 0


def test_traffic_is_not_reported_as_a_difference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.operations.verify_log.ROWS_AT_ONCE", 20)
    damaged = issue()
    Ticket.objects.filter(id=damaged.id).update(title="Updated")

    with changing_without_end([issue() for _ in range(5)]):
        wait_until(lambda: Ticket.objects.count() > 100)
        for _ in range(5):
            assert [difference["subject"] for difference in found(capsys)] == [str(damaged.id)]
        assert len(found(capsys, "--repair")) == 1
        assert found(capsys, "--repair") == []


def test_a_difference_explained_by_a_transaction_in_flight_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = issue()
    Ticket.objects.filter(id=ticket.id).update(version=2)  # Half of a change: its event is not committed yet.
    mended = Ticket.objects.get(id=ticket.id)

    def mend() -> None:
        Ticket.objects.filter(id=ticket.id).update(version=1)
        mended.version = 1
        mended.cancel()

    with ThreadPoolExecutor(1) as thread:
        with held_open(mend):
            looking = thread.submit(_all_steps_of_another_connection)
            wait_until(somebody_waits_for_a_lock)
        assert [step.differences for step in looking.result() if step.differences] == []


def _all_steps_of_another_connection() -> list[Step]:
    try:
        return list(verification(repair=True).compare_rows())
    finally:
        connection.close()


def test_the_read_model_follows_a_repair(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    canceled, updated = issue(), issue()
    replacement = canceled.cancel()
    consume()
    Ticket.objects.bulk_create([Ticket.draft(**FIELDS, code="FIXTURE")])
    Ticket.objects.filter(id__in=[canceled.id, updated.id]).update(title="Updated")

    assert len(found(capsys, "--repair")) == 3
    consume()

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
    document = elasticsearch.get(index=settings.READMODEL_ALIAS, id=str(canceled.id))["_source"]
    assert (document["title"], document["replaced_by"]) == ("Updated", str(replacement.id))


def consume() -> None:
    call_command("relay_events", once=True)
    call_command("consume_events", "readmodel", until_idle=True)
