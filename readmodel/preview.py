"""Tell what a changed projection would change, before it is deployed. Nothing is written.

In:   the searched index, which the deployed projection has filled, and the log.
Out:  each document that a rebuild by the projection in the code would change, and each field it would index otherwise.
Next: readmodel/rebuild.py
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from itertools import batched
from typing import Any, NamedTuple

import msgspec

from events.envelope import Envelope
from events.log.reading import events_of
from readmodel.index.documents import Documents, StoredDocument
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.verification.comparison import Comparison
from readmodel.verification.verification import IDS_AT_ONCE, Step, Verification

type Source = dict[str, Any]
type Fields = Mapping[str, tuple[Any, Any]]
"""The value before and after of each field that changes."""


class Effect(StrEnum):
    """What becomes of a document."""

    CHANGED = "changed"
    SHOWN = "shown"
    """It was hidden from searches."""
    HIDDEN = "hidden"
    ADDED = "added"
    REMOVED = "removed"
    REFUSED = "refused"
    """Its event becomes a dead letter: the projection can't read it, or Elasticsearch does not take the document."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one document, and why it is refused."""

    id: str
    effect: Effect
    fields: Fields = {}
    error: str = ""


class Changes(NamedTuple):
    """How many documents were compared, what becomes of them, and how many differ whatever the projection is."""

    compared: int
    changes: list[Change]
    others: int


class Preview:
    """Compares the documents of one index with those that its projection makes now.

    A document whose newest event is not handled yet is compared with the event before. Every method raises RetryLater
    if Elasticsearch can't answer now, and TargetLost if the index is gone.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._projection = documents.projection
        self._verification = Verification(Comparison(documents), repair=False)
        self._events = self._verification.comparison.events

    def total(self) -> int:
        """Return roughly how many documents are compared."""
        return self._events.count()

    def mapping(self) -> Fields:
        """Return the mapping before and after of each field that is indexed otherwise, None where there is no field."""
        return _differing(self._documents.mapping(), dict(self._projection.mapping))

    def compare(self, *, sample: int | None = None) -> Iterator[Changes]:
        """Compare all documents, or so many that are chosen at random."""
        if sample:
            yield from map(self._compare, batched(self._events.random_keys(sample), IDS_AT_ONCE, strict=False))
            return
        after = ""
        while ids := self._events.keys_after(after, IDS_AT_ONCE):
            yield self._compare(ids)
            after = ids[-1]
        if self._projection.is_per_event:
            # Otherwise each document stays, since the projection handles all events of its aggregate.
            yield from map(self._removed, self._verification.find_ghosts())

    def follow(self, subject: str) -> Iterator[tuple[Envelope, Change | None]]:
        """Yield each event of an aggregate in turn, with what it changes in the document that the projection makes."""
        before: Source | None = None
        for envelope in events_of(self._projection.aggregate_type, subject):
            documents, failures = self._projection.project([envelope])
            for error in failures.values():
                yield envelope, _refused(self._projection.document_id(envelope), str(error))
            for document in documents:
                after = _source_of(document)
                yield envelope, self._between(document.id, before, after)
                before = None if self._projection.is_per_event else after

    def _compare(self, ids: Sequence[str]) -> Changes:
        with ThreadPoolExecutor(1) as elsewhere:
            reading = elsewhere.submit(self._documents.read, ids)
            changes, suspects = self._look(self._events.newest(ids), reading.result)
        if suspects:  # Their events were in flight, unless the same is found again, documents after events.
            newest = self._events.newest(suspects)
            again, suspects = self._look(newest, partial(self._documents.read, newest))
            changes += again
        return Changes(len(ids), changes, len(suspects))

    def _look(
        self, newest: Mapping[str, Envelope], read: Callable[[], Mapping[str, StoredDocument]]
    ) -> tuple[list[Change], list[str]]:
        """Return the changes, and the documents whose version is not that of their newest handled event."""
        projected, failures = self._projection.project(list(newest.values()))
        changes = [_refused(key, str(failures[event.id])) for key, event in newest.items() if event.id in failures]
        suspects = []
        stored = read()
        for document in projected:
            before = stored.get(document.id)
            if before and before.version // VERSION_STEP != document.version // VERSION_STEP:
                suspects.append(document.id)
            elif change := self._between(document.id, _stored_source(before), _source_of(document)):
                changes.append(change)
        return changes, suspects

    def _removed(self, step: Step) -> Changes:
        return Changes(0, [Change(id=ghost.id, effect=Effect.REMOVED) for ghost in step.differences], 0)

    def _between(self, key: str, before: Source | None, after: Source) -> Change | None:
        """Return None if both are the same, and Elasticsearch takes them."""
        if unknown := sorted(after.keys() - self._projection.mapping.keys()):
            return _refused(key, f"the mapping lacks {', '.join(unknown)}")
        fields = _differing(before or {}, after)
        return Change(id=key, effect=self._effect(before, after), fields=fields) if fields else None

    def _effect(self, before: Source | None, after: Source) -> Effect:
        if before is None:
            return Effect.ADDED
        was_shown, is_shown = (self._projection.id_field in source for source in (before, after))
        if was_shown == is_shown:
            return Effect.CHANGED
        return Effect.SHOWN if is_shown else Effect.HIDDEN


def _refused(key: str, error: str) -> Change:
    return Change(id=key, effect=Effect.REFUSED, error=error)


def _stored_source(stored: StoredDocument | None) -> Source | None:
    return dict(stored.source) if stored else None


def _source_of(document: VersionedDocument) -> Source:
    return msgspec.to_builtins(document.source)  # type: ignore[no-any-return]


def _differing(before: Source, after: Source) -> Fields:
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names}
