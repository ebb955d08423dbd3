"""Provide the fixtures of the read model's tests on a real Elasticsearch."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from readmodel.index.document_index import DocumentIndex, connect
from readmodel.tickets.documents import TicketDocuments
from tests.damage import Damage
from tests.integration.readmodel.tickets.shelf import Shelf


@pytest.fixture
def ticket_index(elasticsearch: Elasticsearch) -> Iterator[DocumentIndex]:
    """The index of the tickets behind the test's alias."""
    index = connect(TicketDocuments)
    yield index
    index.close()


@pytest.fixture
def shelf(ticket_index: DocumentIndex, elasticsearch: Elasticsearch) -> Shelf:
    return Shelf(ticket_index, elasticsearch)


@pytest.fixture
def damage(elasticsearch: Elasticsearch, settings: Settings) -> Damage:
    """Damages the documents of the test's index."""
    return Damage(elasticsearch, settings.READMODEL_ALIAS)
