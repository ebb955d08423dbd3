"""Damage documents by hand in every way."""

from collections.abc import Callable, Mapping
from typing import Any

from elasticsearch import ConflictError, Elasticsearch

from readmodel.projection import VERSION_STEP
from tests.waiting import wait_until

type Documents = dict[str, tuple[int, dict[str, Any]]]


class Damage:
    """Damages documents of the index behind an alias; `field` is a field of theirs that may have any text."""

    def __init__(self, elasticsearch: Elasticsearch, alias: str, field: str = "title") -> None:
        self.elasticsearch = elasticsearch
        self.alias = alias
        self.field = field

    @property
    def kinds(self) -> Mapping[str, Callable[[str], None]]:
        """The methods that damage a document, by the kind of difference that results."""
        return {"missing": self.delete, "stale": self.age, "altered": self.alter, "lifted": self.lift}

    def delete(self, key: str) -> None:
        self.elasticsearch.delete(index=self.alias, id=key)

    def alter(self, key: str, **fields: Any) -> None:
        source = self._source(key) | (fields or {self.field: "Altered"})
        self.elasticsearch.index(index=self.alias, id=key, document=source)

    def invent(self, key: str, **fields: Any) -> None:
        self.elasticsearch.index(index=self.alias, id=key, document=fields)

    def lift(self, key: str, version: int = 1_000) -> None:
        """Raise the document's version by hand, so that it would refuse later events."""
        self._write(key, self._source(key) | {self.field: "Lifted"}, version * VERSION_STEP)

    def age(self, key: str) -> None:
        """Replace the document by an older state."""
        source = self._source(key) | {self.field: "Aged"}
        self.delete(key)
        wait_until(lambda: self._is_written(key, source))

    def documents(self) -> Documents:
        """Return all documents with the versions of their aggregates."""
        [index] = self.elasticsearch.indices.get(index=self.alias)  # The alias would hide documents without an id.
        self.elasticsearch.indices.refresh(index=index)
        hits = self.elasticsearch.search(index=index, size=10_000, version=True)["hits"]["hits"]
        return {hit["_id"]: (hit["_version"] // VERSION_STEP, hit["_source"]) for hit in hits}

    def _source(self, key: str) -> dict[str, Any]:
        return dict(self.elasticsearch.get(index=self.alias, id=key)["_source"])

    def _write(self, key: str, source: dict[str, Any], version: int) -> None:
        self.elasticsearch.index(index=self.alias, id=key, document=source, version=version, version_type="external")

    def _is_written(self, key: str, source: dict[str, Any]) -> bool:
        try:
            self._write(key, source, 1)
        except ConflictError:  # Elasticsearch still has the deleted version, or a repair was faster.
            return bool(self.elasticsearch.exists(index=self.alias, id=key))
        return True
