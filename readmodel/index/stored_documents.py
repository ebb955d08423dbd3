"""Look into the documents of one concrete index, and take out those that must not be there."""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from events.exceptions import RetryLater, Unprocessable
from readmodel.index.aliases import Target
from readmodel.index.bulk import encoder, expect_read
from readmodel.index.document_index import DocumentIndex
from readmodel.index.errors import errors_translated
from readmodel.projections.definitions import TICKETS, TIMELINE, Definition
from readmodel.projections.tickets import VersionedDocument

ID_FIELDS = {TICKETS.name: "id", TIMELINE.name: "event"}
"""The field of each projection's documents that has their id, too."""


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as it is in the index; the sequence number and primary term tell it from what it was, or will be."""

    id: str
    version: int
    source: Mapping[str, Any]
    sequence_number: int
    primary_term: int


class Page(NamedTuple):
    """The ids of some documents, and what the next page begins after."""

    ids: Sequence[str]
    end: Sequence[Any]

    @property
    def last(self) -> str:
        """What the last one's field has for its id, "" where that is missing: `after_id` goes on after it."""
        return str(self.end[0] or "")


def after_id(last: str) -> Sequence[Any]:
    """Return the end of a page of which only the last document's id is known; that one is met once more."""
    return [last, -1] if last else []


class Documents:
    """Those of one index. Every method raises RetryLater if Elasticsearch can't answer now, TargetLost without it."""

    def __init__(self, index: DocumentIndex, target: Target) -> None:
        self.target = target
        self._index = index
        self.id_field = ID_FIELDS[self.definition.name]

    @property
    def definition(self) -> Definition:
        return self._index.indices.definition

    @property
    def are_of_this_projection(self) -> bool:
        """False: the index was made by another version of the projection, and is to be rebuilt, not repaired."""
        return self.target.version == self.definition.version

    def read(self, ids: Collection[str]) -> dict[str, StoredDocument]:
        """Return those of the documents that there are, in real time."""
        if not ids:
            return {}
        with asking():
            answers = self._index.client.mget(index=self.target.name, ids=list(ids))["docs"]
        expect_read(answers)
        return {answer["_id"]: _stored(answer) for answer in answers if answer["found"]}

    def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return the versions of those of the documents that there are, in real time."""
        return self._index.versions(self.target, ids)

    def write(self, documents: Sequence[VersionedDocument]) -> Mapping[str, RetryLater | Unprocessable]:
        """Store each over an older version, as DocumentIndex.write does; return why others were not."""
        return self._index.write(self.target, documents) if documents else {}

    def delete(self, documents: Iterable[StoredDocument]) -> None:
        """Delete each that is still as it was read; the others are left to whoever has written them meanwhile."""
        lines = [
            {
                "delete": {
                    "_id": document.id,
                    "if_seq_no": document.sequence_number,
                    "if_primary_term": document.primary_term,
                }
            }
            for document in documents
        ]
        if lines:
            with asking():
                self._index.client.bulk(
                    index=self.target.name,
                    operations=b"\n".join(map(encoder.encode, lines)) + b"\n",  # type: ignore[arg-type]  # sent as it is
                )

    def refresh(self) -> None:
        """Let pages have what was written until now."""
        with asking():
            self._index.client.indices.refresh(index=self.target.name)

    def count(self) -> int:
        with asking():
            return int(self._index.client.count(index=self.target.name)["count"])

    def page(self, end: Sequence[Any], limit: int) -> Page:
        """Return the next documents in the order of the field that has their id, from the first after [].

        That order does not change while a document is written anew, so whatever is there all the while is met.
        """
        with asking():
            hits = self._index.client.search(
                index=self.target.name,
                sort=self._order(),
                size=limit,
                source=False,
                track_total_hits=False,
                allow_partial_search_results=False,
                search_after=list(end) or None,
            )["hits"]["hits"]
        return Page([hit["_id"] for hit in hits], hits[-1]["sort"] if hits else [])

    def _order(self) -> Sequence[Mapping[str, Any]]:
        # Strays may lack the field, or have another's; the sequence number is unique in a shard.
        return [{self.id_field: {"order": "asc", "missing": "_first"}}, {"_seq_no": "asc"}]


@contextmanager
def asking() -> Generator[None]:
    """Translate errors; that a question is refused (a closed index does that) is no document's fault."""
    try:
        with errors_translated():
            yield
    except Unprocessable as error:
        raise RetryLater(str(error)) from error


def _stored(answer: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        answer["_id"], answer["_version"], answer["_source"], answer["_seq_no"], answer["_primary_term"]
    )
