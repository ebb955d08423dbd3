"""Feed the read model: what the consumer group `readmodel` runs.

In:   batches of envelopes, in order, at least once.
Out:  the same, as documents in the index.
Next: readmodel/projections/tickets.py
"""

import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import close_old_connections

from events.envelope import Envelope
from events.exceptions import PartlyHandled, TargetLost
from events.subscriber import Subscriber
from readmodel.exceptions import LiftedByHand
from readmodel.projections.definitions import DEFINITIONS
from readmodel.projections.tickets import PROJECTIONS, VERSION_STEP, VersionedDocument

if TYPE_CHECKING:
    from readmodel.index.aliases import Target
    from readmodel.index.document_index import DocumentIndex
    from readmodel.verification.audit import Audit

logger = logging.getLogger(__name__)

AT_REST_AFTER_SECONDS = 1.0


class IndexWriter(Subscriber):
    """Writes what a projection makes of events into one index; any order and repetition ends in the same documents."""

    handles = PROJECTIONS.keys()
    overlap = 2  # While Elasticsearch writes one batch, the next is read and projected.

    handled_at = -math.inf
    """When it was given its last events, by the monotonic clock."""

    def __init__(self, index: "DocumentIndex", target: "Target") -> None:
        self._index = index
        self._target = target

    def open(self) -> str:
        """Return the index's UUID: one that was deleted and made again is fed from the start of the log."""
        return self._target.uuid

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.handled_at = time.monotonic()
        documents, failures = self._index.indices.definition.project(batch)
        refused = self._write(documents) if documents else {}
        failures |= {document.event: refused[document.id] for document in documents if document.id in refused}
        if failures:
            raise PartlyHandled(failures | self._handle_earlier(batch, failures))

    def _write(self, documents: Sequence[VersionedDocument]) -> Mapping[str, Exception]:
        """Store the documents, and return why some were not; a hand's versions keep no state away."""
        refused = self._index.write(self._target, documents)
        lifted = [key for key, error in refused.items() if isinstance(error, LiftedByHand)]
        if lifted and self._target.version == self._index.indices.definition.version:
            self._repair(lifted)
            again = [document for document in documents if document.id in lifted]
            refused = {**refused, **self._index.write(self._target, again)}
        # What the repair has left is what the log tells, if not what this event did; or it is of no event of the log.
        return {key: error for key, error in refused.items() if not isinstance(error, LiftedByHand)}

    def _repair(self, ids: Sequence[str]) -> None:
        """Make these documents what the log tells; it knows which states are newer than the event in hand."""
        # Elasticsearch's client takes a second to load, and every process of the service looks at this module.
        from readmodel.verification.comparison import comparison_of  # noqa: PLC0415
        from readmodel.verification.repair import repair_by_log  # noqa: PLC0415

        try:
            for difference in repair_by_log(comparison_of(self._index, self._target), ids):
                logger.warning(
                    "document %s of %s had a version that kept events away", difference.id, self._target.name
                )
        finally:
            close_old_connections()  # This may be a thread of the consumer's, which nobody closes one for.

    def _handle_earlier(self, batch: Sequence[Envelope], failures: Collection[UUID]) -> dict[UUID, Exception]:
        """Write what the tickets were before the event that failed: it would have taken the place of that."""
        subjects = {envelope.subject for envelope in batch if envelope.id in failures}
        earlier = [envelope for envelope in batch if envelope.subject in subjects and envelope.id not in failures]
        try:
            self.handle(earlier)
        except PartlyHandled as more:
            return dict(more.failures)
        return {}


class ReadModel(IndexWriter):
    """The index of tickets that is searched, and all others that are kept beside it."""

    def __init__(self) -> None:
        # Elasticsearch's client takes a second to load, and every process of the service looks at this class.
        from readmodel.index.document_index import connect  # noqa: PLC0415

        self._indices = [connect(definition) for definition in DEFINITIONS.values()]
        self._index = self._indices[0]
        self._kept: list[tuple[DocumentIndex, Target]] = []
        self._audit: Audit  # from open() on
        self._further: list[IndexWriter] = []

    def open(self) -> str:
        from readmodel.verification.audit import Audit  # noqa: PLC0415 (as above)

        for index in self._indices:
            index.indices.ensure()
        self._kept = self._look()
        _, self._target = self._kept[0]
        self._audit = Audit(self._kept)
        return super().open()

    def further_targets(self) -> list[IndexWriter]:
        self._further = [IndexWriter(index, target) for index, target in self._kept[1:]]
        return self._further

    def check(self, partitions: Collection[int]) -> None:
        """Look whether all indices are there; compare the next documents that fall to these partitions."""
        if self._look() != self._kept:
            raise TargetLost("there are other indices than before")
        handled_at = max(writer.handled_at for writer in (self, *self._further))
        self._audit.step(partitions, at_rest=time.monotonic() - handled_at > AT_REST_AFTER_SECONDS)

    def has_target(self, target: str) -> bool:
        return self._index.indices.exists(target)

    def examine(self) -> Iterator[tuple[str, str]]:
        for index in self._indices:
            yield from index.indices.examine()

    def _look(self) -> "list[tuple[DocumentIndex, Target]]":
        return [(index, target) for index in self._indices for target in index.indices.kept()]

    def find_effect(self, envelope: Envelope) -> str:
        stored = self._index.stored_version(envelope.subject)
        if stored is None:
            return f"there is no document {envelope.subject}"
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
