"""compact_events on PostgreSQL, and the readers of the log afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.models import LogEntry, Partition, Position
from events.operations import compaction
from events.stream.interface import Stream
from tests.contracts.compaction import (
    GROUPS,
    AfterCompactionContract,
    CompactionContract,
    compact,
    handled,
    move,
    positions,
)
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.integration.events.log.test_positions import held_open
from tests.locks import somebody_waits_for_a_lock
from tests.tickets import issue
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

type Execute = Callable[..., Any]


class TestCompactionOnPostgreSQL(CompactionContract):
    """On the production database."""


class TestAfterCompactionOnServers(AfterCompactionContract):
    """On the production database and a real stream."""


def test_the_read_model_is_rebuilt_from_the_remaining_events(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}
    for _ in range(3):
        issue().cancel().check_in()
    catch_up()
    compact()
    assert positions() == [2, 4, 6, 8, 10, 12]

    elasticsearch.indices.delete(index=f"{settings.READMODEL_ALIAS}-000001")
    stream._client.flushall()
    catch_up()

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def catch_up() -> None:
    call_command("relay_events", once=True)
    call_command("consume_events", "readmodel", until_idle=True)


def test_concurrent_compactions_drop_each_event_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_ROWS", 7)
    settings.EVENTS_SUBSCRIBERS = GROUPS
    for _ in range(40):
        move("a", "b", "c")
    handled(to=120)

    def run() -> int:
        dropped = sum(step.dropped for step in compaction.compact(0, before=timezone.now(), dry_run=False))
        connection.close()
        return dropped

    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(run) for _ in range(3)]

    assert sum(run.result() for run in runs) == 117
    assert positions() == [118, 119, 120]
    assert Partition.objects.get().compacted_to == 120


def test_a_compaction_that_is_stopped_between_two_statements_blocks_no_flush(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = GROUPS
    move("a", "a")
    handled(to=2)

    def lock_the_partition() -> None:
        with transaction.atomic():
            Partition.objects.select_for_update(nowait=True).get(number=0)
        connection.close()

    with ThreadPoolExecutor(1) as thread:

        def lock_after(execute: Execute, *statement: Any) -> Any:
            result = execute(*statement)
            thread.submit(lock_the_partition).result()
            return result

        with connection.execute_wrapper(lock_after):
            compact()

    assert positions() == [2]
    assert not Position.objects.exclude(position=2).exists()


def test_a_transaction_that_locks_the_partition_delays_it_and_loses_nothing(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = GROUPS
    move("a", "a")
    handled(to=2)

    def run() -> None:
        compact()
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        with held_open(lambda: Partition.objects.select_for_update().get()):
            compacting = thread.submit(run)
            wait_until(somebody_waits_for_a_lock)
            assert LogEntry.objects.count() == 2
        compacting.result()

    assert positions() == [2]
