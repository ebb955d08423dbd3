"""Tell what a changed projection would change, before it is deployed. Nothing is written.

In:   the searched index, which the deployed projection has filled, and the log.
Out:  each document that a rebuild by the projection in the code would change, and each field it would index otherwise.
Next: readmodel/rebuild.py
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from enum import StrEnum
from functools import cache
from itertools import batched
from typing import Any, NamedTuple

import msgspec

from events.envelope import Envelope
from events.exceptions import EventError, text_of
from events.log.reading import events_of
from readmodel.ahead import made_ahead
from readmodel.index.documents import Documents, StoredDocument
from readmodel.projection import VERSION_STEP, Document, Projected, VersionedDocument
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


class _Batch(NamedTuple):
    """Some documents: the newest handled event of each, and what is stored, which was read after the events."""

    ids: Sequence[str]
    newest: Mapping[str, Envelope]
    stored: Mapping[str, StoredDocument]


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
        """Compare all documents, or so many that are chosen at random.

        The events of the batch after the next one and the stored documents of the next one are read meanwhile.
        """
        ids = self._sample(sample) if sample else self._pages()
        with (
            closing(made_ahead(self._read_events(ids))) as events,
            closing(made_ahead(self._read_documents(events))) as batches,
        ):
            yield from map(self._compare, batches)
        if self._projection.is_per_event and not sample:
            # Otherwise each document stays, since the projection handles all events of its aggregate.
            yield from map(self._removed, self._verification.find_ghosts())

    def follow(self, subject: str) -> Iterator[tuple[Envelope, Change | None]]:
        """Yield each event of an aggregate in turn, with what it changes in the document that the projection makes."""
        before: Source | None = None
        for envelope in events_of(self._projection.aggregate_type, subject):
            documents, failures = self._project([envelope])
            for error in failures.values():
                yield envelope, _refused(self._projection.document_id(envelope), _text(error))
            for document in documents:
                after = _source_of(document)
                yield envelope, self._between(document.id, before, after)
                before = None if self._projection.is_per_event else after

    def _pages(self) -> Iterator[Sequence[str]]:
        after = ""
        while ids := self._events.keys_after(after, IDS_AT_ONCE):
            yield ids
            after = ids[-1]

    def _sample(self, size: int) -> Iterator[Sequence[str]]:
        yield from batched(self._events.random_keys(size), IDS_AT_ONCE, strict=False)

    def _read_events(self, pages: Iterable[Sequence[str]]) -> Generator[_Batch]:
        for ids in pages:
            newest = self._events.newest(ids)
            yield _Batch(ids, {key: newest[key] for key in ids if key in newest}, {})

    def _read_documents(self, batches: Iterable[_Batch]) -> Generator[_Batch]:
        for batch in batches:
            yield batch._replace(stored=self._documents.read(batch.ids))

    def _compare(self, batch: _Batch) -> Changes:
        changes, suspects = self._look(batch)
        if suspects:  # Their events were in flight, unless the same is found again.
            [again] = self._read_documents(self._read_events([suspects]))
            more, suspects = self._look(again)
            changes += more
        return Changes(len(batch.ids), changes, len(suspects))

    def _look(self, batch: _Batch) -> tuple[list[Change], list[str]]:
        """Return the changes, and the documents whose version is not that of their newest handled event."""
        newest = batch.newest
        projected, failures = self._project(list(newest.values()))
        changes = [_refused(key, _text(failures[event.id])) for key, event in newest.items() if event.id in failures]
        suspects = []
        for document in projected:
            before = batch.stored.get(document.id)
            if before and before.version // VERSION_STEP != document.version // VERSION_STEP:
                suspects.append(document.id)
            elif change := self._change(before, document):
                changes.append(change)
        return changes, suspects

    def _project(self, envelopes: Sequence[Envelope]) -> Projected:
        """Project the events; those that meet a bug of the projection are failures too, as they are for a consumer."""
        try:
            return self._projection.project(envelopes)
        except Exception as error:  # noqa: BLE001 (a projection may raise anything)
            if len(envelopes) == 1:
                return Projected([], {envelopes[0].id: error})
        each = [self._project([envelope]) for envelope in envelopes]
        documents = [document for found in each for document in found.documents]
        return Projected(documents, {key: error for found in each for key, error in found.failures.items()})

    def _removed(self, step: Step) -> Changes:
        return Changes(0, [Change(id=ghost.id, effect=Effect.REMOVED) for ghost in step.differences], 0)

    def _change(self, before: StoredDocument | None, document: VersionedDocument) -> Change | None:
        if before and before.has_same_bytes(document.source) and self._may_index(document.source):
            return None  # Most documents stay as they are: these need not be parsed.
        return self._between(document.id, _stored_source(before), _source_of(document))

    def _may_index(self, source: Document) -> bool:
        """Return True only if the mapping has all fields of the document."""
        return _names_in(source) <= self._projection.mapping.keys()

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


def _text(error: Exception) -> str:
    """Return the message, behind the type if it is none of ours: that of a KeyError is only the key."""
    return text_of(error) if isinstance(error, EventError) else f"{type(error).__name__}: {text_of(error)}"


def _refused(key: str, error: str) -> Change:
    return Change(id=key, effect=Effect.REFUSED, error=error)


def _stored_source(stored: StoredDocument | None) -> Source | None:
    return dict(stored.source) if stored else None


def _source_of(document: VersionedDocument) -> Source:
    return msgspec.to_builtins(document.source)  # type: ignore[no-any-return]


def _names_in(source: Document) -> Set[str]:
    return _names_of(type(source)) if isinstance(source, msgspec.Struct) else source.keys()


@cache
def _names_of(kind: type[msgspec.Struct]) -> Set[str]:
    """Return the names of all fields that a document of this class can have."""
    tag = kind.__struct_config__.tag_field
    return frozenset(kind.__struct_encode_fields__) | ({tag} if tag else set())


def _differing(before: Source, after: Source) -> Fields:
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names}
