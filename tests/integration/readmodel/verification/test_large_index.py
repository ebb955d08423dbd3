"""Comparing an index of many documents takes no more memory than one of few."""

import tracemalloc
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.readmodel.verify import fill
from readmodel.index.document_index import DocumentIndex
from readmodel.verification.comparison import Comparison
from readmodel.verification.verification import Verification

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 1_000, 4_000


def test_memory_does_not_grow_with_the_index(
    transactional_db: Any, elasticsearch: Elasticsearch, ticket_index: DocumentIndex
) -> None:
    fill(FEW)
    peak_of_few = peak_bytes(ticket_index, FEW)

    fill(MANY)

    assert peak_bytes(ticket_index, MANY) < peak_of_few * 1.2 + 1_000_000


def peak_bytes(index: DocumentIndex, tickets: int) -> int:
    """Compare all documents, which must not differ, and return the most memory that this took."""
    verification = Verification(Comparison(index.documents(index.indices.ensure())), repair=False)
    tracemalloc.start()
    compared = {
        name: sum(step.compared - tickets * len(step.differences) for step in steps)
        for name, steps in {"log": verification.compare(), "index": verification.find_ghosts()}.items()
    }
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert compared == {"log": tickets, "index": tickets}
    return peak
