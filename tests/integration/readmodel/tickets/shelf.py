"""Put tickets into an index, and search them."""

from typing import Any

from elasticsearch import Elasticsearch

from readmodel.index.document_index import DocumentIndex
from readmodel.tickets.search.search import SearchQuery, search
from tests.ticket_events import document


class Shelf:
    """An index of tickets, which hold() numbers from 1."""

    def __init__(self, index: DocumentIndex, elasticsearch: Elasticsearch) -> None:
        self.index = index
        self.elasticsearch = elasticsearch
        self.target = index.indices.ensure()

    def hold(self, *tickets: dict[str, Any]) -> None:
        documents = [document(number, **fields) for number, fields in enumerate(tickets, start=1)]
        self.index.documents(self.target).write(documents)
        self.elasticsearch.indices.refresh(index=self.target.name)

    def found(self, q: str, **fields: Any) -> list[str]:
        """Return the titles of the tickets found."""
        return [hit.document["title"] for hit in search(SearchQuery(q=q, **fields)).hits]

    def highlights(self, q: str) -> dict[str, Any]:
        """Return the highlights of the only hit."""
        [hit] = search(SearchQuery(q=q)).hits
        return dict(hit.highlights)
