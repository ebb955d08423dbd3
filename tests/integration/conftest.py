"""Fixtures of the tests on real servers."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from readmodel.index import TicketIndex, connect


@pytest.fixture
def ticket_index(elasticsearch: Elasticsearch) -> Iterator[TicketIndex]:
    """The read model's side of the test's own alias."""
    index = connect()
    yield index
    index.close()
