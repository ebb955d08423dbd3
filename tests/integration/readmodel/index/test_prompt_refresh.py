"""What was written is found at once, unless a rebuild holds the refreshes."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count, takewhile

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log.partitions import forget_layout
from events.models import Partition
from readmodel.index.documents import Documents
from readmodel.index.prompt_refresh import PAUSE_SECONDS, SERVER_INTERVAL_SECONDS, PromptRefresh
from readmodel.subscriber import ReadModel
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.ticket_events import document, envelope_of, ticket
from tests.waiting import wait_until
from tickets.events import TicketIssued

WRITES = 10
PARTITIONS = 16
SECONDS = 2.0


@pytest.fixture
def documents(shelf: Shelf) -> Documents:
    return shelf.index.documents(shelf.target)


@pytest.fixture
def refresh(documents: Documents) -> Iterator[PromptRefresh]:
    refresh = PromptRefresh(documents.refresh_unless_held)
    yield refresh
    refresh.close()


def test_each_of_ten_writes_is_found_before_the_servers_own_refresh(
    documents: Documents, refresh: PromptRefresh
) -> None:
    begun = time.monotonic()

    for number in range(1, WRITES + 1):
        documents.write([document(number)])
        refresh.wrote(1)
        wait_until(lambda: documents.count() == number)  # noqa: B023 (called at once)

    assert time.monotonic() - begun < WRITES / 2  # The server's own refreshes, a second apart, take twice as long.


def test_a_rebuild_that_holds_the_refreshes_holds_these_too(documents: Documents, shelf: Shelf) -> None:
    with shelf.index.indices.refresh_held(shelf.target):
        documents.write([document(1)])
        documents.refresh_unless_held()

        assert documents.count() == 0

    documents.write([document(2)])
    wait_until(documents.refresh_unless_held)  # It relies for a while on what it has seen.
    assert documents.count() == 2


@pytest.fixture
def partitions(db: None) -> Iterator[None]:
    Partition.objects.bulk_create(Partition(number=number) for number in range(1, PARTITIONS))
    forget_layout()
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()


def test_a_consumer_of_some_partitions_refreshes_in_turn_with_the_others(
    elasticsearch: Elasticsearch, settings: Settings, partitions: None
) -> None:
    def refreshes() -> int:
        stats = elasticsearch.indices.stats(index=settings.READMODEL_ALIAS, metric="refresh")
        return int(stats["_all"]["primaries"]["refresh"]["external_total"])

    settings.READMODEL_AUDIT_PER_SECOND = 0
    with closing(ReadModel()) as read_model:
        read_model.open()
        read_model.check([0])
        before, begun = refreshes(), time.monotonic()
        for version in takewhile(lambda _: time.monotonic() < begun + SECONDS, count(1)):
            read_model.handle([envelope_of(TicketIssued(ticket=ticket(1, version=version)))])
        found, seconds = refreshes() - before, time.monotonic() - begun

    per_second = 1 / (PARTITIONS * PAUSE_SECONDS) + 1 / SERVER_INTERVAL_SECONDS
    assert found <= 2 + per_second * seconds
