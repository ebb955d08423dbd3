"""Find the effect of an event in the read model, on a real Elasticsearch."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.exceptions import RetryLater, TargetLost
from readmodel.projection import VERSION_STEP
from readmodel.subscriber import ReadModel
from tests.ticket_events import envelope_of, ticket, ticket_id
from tickets.events import TicketIssued

ID = str(ticket_id(1))
OF_VERSION = {version: envelope_of(TicketIssued(ticket=ticket(version=version))) for version in (1, 2, 3)}


@pytest.fixture
def readmodel(elasticsearch: Elasticsearch) -> Iterator[ReadModel]:
    with closing(ReadModel()) as readmodel:
        yield readmodel


def test_the_document_is_compared_with_the_event_as_soon_as_it_is_written(readmodel: ReadModel) -> None:
    readmodel.open()
    assert readmodel.find_effect(OF_VERSION[2]) == f"there is no document {ID}"

    readmodel.handle([OF_VERSION[2]])

    assert readmodel.find_effect(OF_VERSION[1]) == "the document has a newer version than this event's 1: 2"
    assert readmodel.find_effect(OF_VERSION[2]) == "the document has this event's version, 2"
    assert readmodel.find_effect(OF_VERSION[3]) == "the document has an older version than this event's 3: 2"


def test_a_repair_is_reported(readmodel: ReadModel, elasticsearch: Elasticsearch, settings: Settings) -> None:
    readmodel.open()
    elasticsearch.index(
        index=settings.READMODEL_ALIAS,
        id=ID,
        document={"title": "by a repair"},
        version=2 * VERSION_STEP + 1,
        version_type="external",
    )

    assert readmodel.find_effect(OF_VERSION[2]) == "the document has this event's version, 2, repaired"


def test_a_missing_index_is_not_a_missing_document_and_is_not_created(readmodel: ReadModel) -> None:
    for _ in range(2):
        with pytest.raises(TargetLost, match="there is no index"):
            readmodel.find_effect(OF_VERSION[1])


def test_an_elasticsearch_that_is_down_is_retried(settings: Settings) -> None:
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"

    with closing(ReadModel()) as readmodel, pytest.raises(RetryLater, match="does not answer"):
        readmodel.find_effect(OF_VERSION[1])
