"""Fixtures of the tests of the read model on a real Elasticsearch."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from readmodel.index import TicketIndex, connect
from tests.integration.readmodel.shelf import Shelf


@pytest.fixture
def elasticsearch(settings: Any) -> Iterator[Elasticsearch]:
    """A client beside the read model's own; the test has an alias for itself."""
    alias = settings.READMODEL_ALIAS = f"test-{uuid4().hex}"
    client = Elasticsearch(settings.ELASTICSEARCH_URL)
    yield client
    names = list(client.indices.get(index=f"{alias}*"))
    if names:
        client.indices.delete(index=names)
    client.options(ignore_status=404).indices.delete_index_template(name=alias)
    client.close()


@pytest.fixture
def ticket_index(elasticsearch: Elasticsearch) -> Iterator[TicketIndex]:
    """The read model's side of that alias."""
    index = connect()
    yield index
    index.close()


@pytest.fixture
def shelf(ticket_index: TicketIndex, elasticsearch: Elasticsearch) -> Shelf:
    return Shelf(ticket_index, elasticsearch)
