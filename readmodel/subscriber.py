"""Feed the read model: the subscriber of the consumer group `readmodel`.

In:   batches of envelopes, in order, at least once.
Out:  the same, as documents of each projection, in every index that is kept.
Next: readmodel/projection.py
"""

import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from django.db import close_old_connections

from events.envelope import Envelope
from events.event import Event
from events.exceptions import PartlyHandled, TargetLost
from events.subscriber import Subscriber
from readmodel.exceptions import LiftedByHand
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.index.documents import Documents
from readmodel.projection import VERSION_STEP, VersionedDocument, projections
from readmodel.verification.audit import Audit
from readmodel.verification.comparison import Comparison
from readmodel.verification.repair import repair_by_log

logger = logging.getLogger(__name__)

AT_REST_AFTER_SECONDS = 1.0


class _EventsOfProjections:
    """Read the projections' events when they are asked for: settings may be overridden."""

    def __get__(self, instance: object, owner: type) -> Collection[type[Event]]:
        return {event for projection in projections() for event in projection.handles}


class IndexWriter(Subscriber):
    """Writes one projection's documents into one index; any order and repetition ends in the same documents."""

    overlap = 2  # While Elasticsearch writes one batch, the next is read and projected.

    handled_at = -math.inf
    """When it was given its last events, by the monotonic clock."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._projection = documents.projection

    def open(self) -> str:
        """Return the index's UUID: one that was deleted and made again is fed from the start of the log."""
        return self._documents.target.uuid

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        names = self._projection.event_names
        return [envelope for envelope in batch if envelope.type in names]

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.handled_at = time.monotonic()
        documents, failures = self._projection.project(batch)
        refused = self._write(documents)
        failures |= {document.event: refused[document.id] for document in documents if document.id in refused}
        if failures:
            raise PartlyHandled(failures | self._handle_earlier(batch, failures))

    def _write(self, documents: Sequence[VersionedDocument]) -> Mapping[str, Exception]:
        """Store the documents, and return why some were not; a version that was lifted by hand keeps none away."""
        refused = self._documents.write(documents)
        lifted = [key for key, error in refused.items() if isinstance(error, LiftedByHand)]
        if lifted and self._documents.are_of_this_projection:
            self._repair(lifted)
            again = [document for document in documents if document.id in lifted]
            refused = {**refused, **self._documents.write(again)}
        # What the repair has left is what the log tells, if not what this event did; or it is of no event of the log.
        return {key: error for key, error in refused.items() if not isinstance(error, LiftedByHand)}

    def _repair(self, ids: Sequence[str]) -> None:
        """Make these documents what the log tells; it knows which states are newer than the event in flight."""
        try:
            for difference in repair_by_log(Comparison(self._documents), ids):
                logger.warning(
                    "document %s of %s had a version that kept events away", difference.id, self._documents.target.name
                )
        finally:
            close_old_connections()  # This may be a thread of the consumer's, which nobody closes one for.

    def _handle_earlier(self, batch: Sequence[Envelope], failures: Collection[UUID]) -> dict[UUID, Exception]:
        """Write what the aggregates were before the event that failed: it would have taken the place of that."""
        subjects = {envelope.subject for envelope in batch if envelope.id in failures}
        earlier = [envelope for envelope in batch if envelope.subject in subjects and envelope.id not in failures]
        try:
            self.handle(earlier)
        except PartlyHandled as more:
            return dict(more.failures)
        return {}


class ReadModel(Subscriber):
    """Feeds every kept index of every projection; the searched index of the first one is fed by the stream."""

    handles = _EventsOfProjections()
    overlap = IndexWriter.overlap

    def __init__(self) -> None:
        self._indices = [connect(projection) for projection in projections()]
        self._writers: list[IndexWriter] = []
        self._kept: list[Documents] = []
        self._audit = Audit([])

    def open(self) -> str:
        for index in self._indices:
            index.indices.ensure()
        self._kept = self._look()
        self._writers = [IndexWriter(documents) for documents in self._kept]
        self._audit = Audit(self._kept)
        return self._writers[0].open()

    def further_targets(self) -> list[IndexWriter]:
        return self._writers[1:]

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        return self._writers[0].select(batch)

    def handle(self, batch: Sequence[Envelope]) -> None:
        self._writers[0].handle(batch)

    def check(self, partitions: Collection[int]) -> None:
        """Look whether all indices are there; compare the next documents that fall to these partitions."""
        if [documents.target for documents in self._look()] != [documents.target for documents in self._kept]:
            raise TargetLost("there are other indices than before")
        handled_at = max(writer.handled_at for writer in self._writers)
        self._audit.step(partitions, at_rest=time.monotonic() - handled_at > AT_REST_AFTER_SECONDS)

    def has_target(self, target: str) -> bool:
        return self._indices[0].indices.exists(target)

    def examine(self) -> Iterator[tuple[str, str]]:
        for index in self._indices:
            yield from index.indices.examine()

    def find_effect(self, envelope: Envelope) -> str:
        index = self._index_of(envelope)
        document_id = index.projection.document_id(envelope)
        stored = index.stored_version(document_id)
        if stored is None:
            return f"there is no document {document_id}"
        version, repairs = divmod(stored, VERSION_STEP)
        repaired = ", repaired" if repairs else ""
        if version == envelope.aggregate_version:
            return f"the document has just this event's version, {version}{repaired}"
        age = "a newer" if version > envelope.aggregate_version else "an older"
        return f"the document has {age} version than this event's {envelope.aggregate_version}: {version}{repaired}"

    def forget(self) -> None:
        """Put empty indices in the place of those that know too much: their versions are from a lost future."""
        for index in self._indices:
            index.indices.replace()

    def close(self) -> None:
        for index in self._indices:
            index.close()

    def _look(self) -> list[Documents]:
        return [documents for index in self._indices for documents in index.kept()]

    def _index_of(self, envelope: Envelope) -> DocumentIndex:
        """Return the index of the first projection that handles the event."""
        return next(index for index in self._indices if envelope.type in index.projection.event_names)
