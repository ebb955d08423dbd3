"""Write, read and delete the documents of one concrete index.

In:   documents with their versions.
Out:  the newest version of each in the target's index.
Next: readmodel/index/document_index.py
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from events import tracing
from events.exceptions import RetryLater, Unprocessable
from events.processes.timer import Timer
from events.tracing import Kind
from readmodel.index.answered import AnsweredDocument, documents_in
from readmodel.index.bulk import disproof_of, expect_all_shards, results_of, to_deletions, to_json, to_ndjson
from readmodel.index.client import REQUEST_TIMEOUT_SECONDS, Client, errors_translated, refusals_retried
from readmodel.index.notes import Target
from readmodel.index.template import INTERVAL_KNOWN_SECONDS, USUAL_INTERVAL
from readmodel.measurements import WRITE_SECONDS, WRITTEN
from readmodel.projection import Document, Projection, VersionedDocument

BULK_TIMEOUT_SECONDS = 30
BULK_TIMEOUT_BESIDE_OTHERS_SECONDS = 10
"""If another node can be asked: this one may hang."""


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as it is in the index. The sequence number and primary term identify this state of it."""

    id: str
    version: int
    content: bytes
    """The JSON as it was written."""
    sequence_number: int
    primary_term: int

    @property
    def source(self) -> Mapping[str, Any]:
        """Parse the content."""
        return msgspec.json.decode(self.content)  # type: ignore[no-any-return]

    def has_same_bytes(self, source: Document) -> bool:
        """Tell at once whether the content is that of the document; equal contents may also be written otherwise."""
        return self.content == to_json(source)

    def has(self, source: Document) -> bool:
        """Tell whether the content is that of the document."""
        return self.has_same_bytes(source) or self.source == msgspec.to_builtins(source)


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
        self._is_held = True
        self._interval_look = Timer()
        has_others = len(client.transport.node_pool) > 1
        self._bulk_timeout = BULK_TIMEOUT_BESIDE_OTHERS_SECONDS if has_others else BULK_TIMEOUT_SECONDS

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
            answer = self._client.options(request_timeout=self._bulk_timeout).bulk(
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
            answer = self._client.mget(index=self.target.name, ids=list(ids))
        return {found.id: _stored(found) for found in documents_in(answer["docs"]) if found.version is not None}

    def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return the versions of the documents that exist. This needs no refresh."""
        with errors_translated():
            answer = self._client.mget(
                index=self.target.name,
                ids=ids,
                source=False,
                filter_path=["docs._id", "docs._version", "docs.error.type", "docs.error.reason"],
            )
        return {found.id: found.version for found in documents_in(answer["docs"]) if found.version is not None}

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
            expect_all_shards(self._client.indices.refresh(index=self.target.name).body)

    def refresh_unless_held(self) -> bool:
        """Refresh, unless the index had another refresh interval than usual at the last look; tell whether it did.

        A rebuild fills it then, or holds its refreshes, or the projection's settings name an interval of their own.
        """
        with refusals_retried():
            if self._interval_look.is_due(INTERVAL_KNOWN_SECONDS):
                self._is_held = True  # Unless the look says otherwise: it may fail.
                name, key = self.target.name, "index.refresh_interval"
                found = self._client.indices.get_settings(index=name, name=key, flat_settings=True)
                self._is_held = found[name]["settings"].get(key) != USUAL_INTERVAL
            if not self._is_held:
                expect_all_shards(self._client.indices.refresh(index=self.target.name).body)
            return not self._is_held

    def mapping(self) -> dict[str, Any]:
        """Return how the index has each field."""
        with refusals_retried():
            found = self._client.indices.get_mapping(index=self.target.name)
            return found[self.target.name]["mappings"].get("properties", {})  # type: ignore[no-any-return]

    def count(self) -> int:
        with refusals_retried():
            answer = self._client.count(index=self.target.name).body
            expect_all_shards(answer)
            return int(answer["count"])

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
        answer = self._client.mget(index=self.target.name, ids=[document.id for document in documents])
        stored = {found.id: found for found in documents_in(answer["docs"])}
        version_field = self.projection.version_field
        disproved = {document.id: disproof_of(document, stored[document.id], version_field) for document in documents}
        return {key: error for key, error in disproved.items() if error}


def _stored(found: AnsweredDocument) -> StoredDocument:
    """Copy the content, so that a document that is kept does not keep the whole answer."""
    version = found.version or 0
    return StoredDocument(found.id, version, bytes(found.content), found.sequence_number, found.primary_term)
