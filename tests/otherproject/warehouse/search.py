"""Find crates in the read model."""

from collections.abc import Sequence
from typing import Any

from readmodel.index.document_index import shared_index
from warehouse.documents import CrateDocuments


def crates_on(shelf: str) -> Sequence[dict[str, Any]]:
    """Return the crates on a shelf; raise RetryLater if Elasticsearch does not answer."""
    request = {"query": {"bool": {"filter": {"term": {"shelf": shelf}}}}, "sort": ["crate"], "size": 1_000}
    answer = shared_index(CrateDocuments).search(request)
    return [hit["_source"] for hit in answer["hits"]["hits"]]
