"""Write, read and delete the documents of one concrete index.

In:   documents with their versions.
Out:  the newest version of each in the target's index.
Next: readmodel/index/document_index.py
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from events import tracing
from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.tracing import Kind
from readmodel.index.bulk import disproof_of, expect_read, results_of, to_deletions, to_ndjson
from readmodel.index.client import REQUEST_TIMEOUT_SECONDS, Client, errors_translated, refusals_retried
from readmodel.index.notes import Target
from readmodel.index.template import USUAL_INTERVAL
from readmodel.measurements import WRITE_SECONDS, WRITTEN
from readmodel.projection import Projection, VersionedDocument

BULK_TIMEOUT_SECONDS = 30


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as it is in the index. The sequence number and primary term identify this state of it."""

    id: str
    version: int
    source: Mapping[str, Any]
    sequence_number: int
    primary_term: int


class DocumentPage(NamedTuple):
    """The ids of some documents, and the sort values after which the next page begins."""

    ids: Sequence[str]
    end: Sequence[Any]

    @property
    def last(self) -> str:
        """The id field of the last document, "" if the document lacks it. `after_id` continues after it."""
        return str(self.end[0] or "")


def after_id(last: str) -> Sequence[Any]:
    """Return the end of a page whose last document has this id; the next page begins with that document again."""
    return [last, -1] if last else []


class Documents:
    """The documents of one index.

    Every method raises RetryLater if Elasticsearch can't answer now, and TargetLost if the index is gone.
    """

    def __init__(self, client: Client, projection: Projection, target: Target) -> None:
        self._client = client
        self.projection = projection
        self.target = target

    @property
    def are_of_this_projection(self) -> bool:
        """False: another version of the projection made the index, which has to be rebuilt rather than repaired."""
        return self.target.version == self.projection.version

    def write(self, documents: Sequence[VersionedDocument]) -> Mapping[str, RetryLater | Unprocessable]:
        """Store each document unless its version or a newer one is stored already; return the errors by id.

        The error is VersionRaisedByHand if the stored content does not have the stored version. This does not check
        that the index is still the same one; `Indices.kept` does.
        """
        if not documents:
            return {}
        span = tracing.span("bulk", kind=Kind.CLIENT, index=self.target.name, documents=len(documents))
        with WRITE_SECONDS.timed(self.projection.name), span, errors_translated():
            answer = self._client.options(request_timeout=BULK_TIMEOUT_SECONDS).bulk(
                index=self.target.name,
                operations=to_ndjson(documents),  # type: ignore[arg-type]  # the client sends bytes as they are
                timeout=f"{REQUEST_TIMEOUT_SECONDS}s",
                filter_path=["items.index._id", "items.index.status", "items.index.error"],
            )
            conflicts, failures = results_of(answer["items"])
            WRITTEN.add(len(documents) - len(conflicts) - len(failures), self.projection.name)
            if not conflicts:
                return failures
            return {**failures, **self._disproved([document for document in documents if document.id in conflicts])}

    def read(self, ids: Collection[str]) -> dict[str, StoredDocument]:
        """Return the documents that exist. This needs no refresh."""
        if not ids:
            return {}
        with refusals_retried():
            answers = self._client.mget(index=self.target.name, ids=list(ids))["docs"]
        expect_read(answers)
        return {answer["_id"]: _stored(answer) for answer in answers if answer["found"]}

    def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return the versions of the documents that exist. This needs no refresh."""
        with errors_translated():
            answer = self._client.mget(
                index=self.target.name,
                ids=ids,
                source=False,
                filter_path=["docs._id", "docs._version", "docs.error.reason"],
            )
        if any("error" in document for document in answer["docs"]):
            raise TargetLost(f"{self.target.name} is gone")
        return {document["_id"]: document["_version"] for document in answer["docs"] if "_version" in document}

    def delete(self, documents: Iterable[StoredDocument]) -> None:
        """Delete the documents that are still as they were read; keep those that were written meanwhile."""
        deletions = to_deletions(
            (document.id, document.sequence_number, document.primary_term) for document in documents
        )
        if deletions:
            with refusals_retried():
                self._client.bulk(
                    index=self.target.name,
                    operations=deletions,  # type: ignore[arg-type]  # the client sends bytes as they are
                )

    def refresh(self) -> None:
        """Let searches and pages see everything written so far."""
        with refusals_retried():
            self._client.indices.refresh(index=self.target.name)

    def refresh_unless_held(self) -> bool:
        """Refresh, unless the index has another refresh interval than usual; tell whether that was done.

        A rebuild fills it then, or holds its refreshes, or the projection's settings name an interval of their own.
        """
        with refusals_retried():
            name, key = self.target.name, "index.refresh_interval"
            found = self._client.indices.get_settings(index=name, name=key, flat_settings=True)
            is_usual = found[name]["settings"].get(key) == USUAL_INTERVAL
            if is_usual:
                self._client.indices.refresh(index=name)
            return bool(is_usual)

    def mapping(self) -> dict[str, Any]:
        """Return how the index has each field."""
        with refusals_retried():
            found = self._client.indices.get_mapping(index=self.target.name)
            return found[self.target.name]["mappings"].get("properties", {})  # type: ignore[no-any-return]

    def count(self) -> int:
        with refusals_retried():
            return int(self._client.count(index=self.target.name)["count"])

    def page(self, end: Sequence[Any], limit: int) -> DocumentPage:
        """Return the next documents in the order of the id field; the end [] begins with the first one.

        Writing a document again does not change its place in this order, so no document is skipped.
        """
        with refusals_retried():
            hits = self._client.search(
                index=self.target.name,
                sort=self._order(),
                size=limit,
                source=False,
                track_total_hits=False,
                allow_partial_search_results=False,
                search_after=list(end) or None,
            )["hits"]["hits"]
        return DocumentPage([hit["_id"] for hit in hits], hits[-1]["sort"] if hits else [])

    def _order(self) -> Sequence[Mapping[str, Any]]:
        # Hidden documents lack the field, and ghosts may have another document's id; sequence numbers make it definite.
        return [{self.projection.id_field: {"order": "asc", "missing": "_first"}}, {"_seq_no": "asc"}]

    def _disproved(self, documents: Sequence[VersionedDocument]) -> dict[str, RetryLater]:
        """Return an error for each conflict that the stored document does not confirm."""
        answers = self._client.mget(index=self.target.name, ids=[document.id for document in documents])["docs"]
        expect_read(answers)
        stored = {answer["_id"]: answer for answer in answers}
        version_field = self.projection.version_field
        disproved = {document.id: disproof_of(document, stored[document.id], version_field) for document in documents}
        return {key: error for key, error in disproved.items() if error}


def _stored(answer: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        answer["_id"], answer["_version"], answer["_source"], answer["_seq_no"], answer["_primary_term"]
    )
