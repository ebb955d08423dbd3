"""Feed the read model: what the consumer group `readmodel` runs.

In:   batches of envelopes, in order, at least once.
Out:  the same, as documents in the index.
Next: readmodel/projections.py
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from events.envelope import Envelope
from events.exceptions import PartlyHandled
from events.subscriber import Subscriber
from readmodel.projections import PROJECTIONS, VERSION_STEP, project

if TYPE_CHECKING:
    from readmodel.audit import Audit
    from readmodel.index import Target


class ReadModel(Subscriber):
    """Writes the newest state of each ticket; any order and repetition of batches ends in the same documents."""

    handles = PROJECTIONS.keys()
    overlap = 2  # While Elasticsearch writes one batch, the next is read and projected.

    def __init__(self) -> None:
        # Elasticsearch's client takes a second to load, and every process of the service looks at this class.
        from readmodel.index import connect  # noqa: PLC0415

        self._index = connect()
        self._target: Target  # from open() on
        self._audit: Audit

    def open(self) -> str:
        """Return the UUID of the index: one that was deleted and made again is fed from the start of the log."""
        from readmodel.audit import audit_of  # noqa: PLC0415 (as above)

        self._target = self._index.ensure()
        self._audit = audit_of(self._index, self._target)
        return self._target.uuid

    def check(self, partitions: Collection[int]) -> None:
        """Look whether the index is there; compare the next documents of these partitions with the log."""
        self._index.check(self._target)
        self._audit.step(partitions)

    def handle(self, batch: Sequence[Envelope]) -> None:
        documents, failures = project(batch)
        refused = self._index.write(self._target, documents) if documents else {}
        failures |= {document.event: refused[document.id] for document in documents if document.id in refused}
        if failures:
            raise PartlyHandled(failures | self._handle_earlier(batch, failures))

    def _handle_earlier(self, batch: Sequence[Envelope], failures: Collection[UUID]) -> dict[UUID, Exception]:
        """Write what the tickets were before the event that failed: it would have taken the place of that."""
        subjects = {envelope.subject for envelope in batch if envelope.id in failures}
        earlier = [envelope for envelope in batch if envelope.subject in subjects and envelope.id not in failures]
        try:
            self.handle(earlier)
        except PartlyHandled as more:
            return dict(more.failures)
        return {}

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
        """Put an empty index in the place of the one that knows too much: its versions are from a lost future."""
        self._index.replace()

    def close(self) -> None:
        self._index.close()
