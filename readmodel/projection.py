"""Turn events into the documents of one index: derive a class from Projection, and name it in READMODEL_PROJECTIONS.

In:   the envelopes of a batch.
Out:  the newest document of each id, with its version.
Next: readmodel/tickets/documents.py
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple
from uuid import UUID
from zlib import crc32

import msgspec
from django.utils.module_loading import import_string

from events.envelope import Envelope
from events.event import Event, aggregate_type_of, name_of
from events.exceptions import UnknownEventVersion, Unprocessable
from readmodel.conf import conf

VERSION_STEP = 65_536
"""A document's version is its event's times this: room for repairs, which must not overtake the next event."""

type Document = msgspec.Struct | Mapping[str, Any]


class VersionedDocument(msgspec.Struct, frozen=True):
    """A document with its id and its external version: of two states, the one with the higher version stays."""

    id: str
    version: int
    source: Document
    event: UUID
    """The event that tells this state."""


class Projected(NamedTuple):
    """The newest document of each id in a batch, and the errors of events that could not be read, by event id."""

    documents: list[VersionedDocument]
    failures: dict[UUID, Exception]


class Projection(ABC):
    """Documents of one aggregate type, one for each aggregate or for each event; its methods do no I/O.

    The index is known by the version, which follows from `revision`, `mapping` and the analysis in `settings`: after a
    change of any of them, `doctor` asks for `manage.py rebuild_readmodel NAME`.
    """

    name: ClassVar[str]
    """Its name in commands, metrics and aliases: lower-case letters, digits, - and _."""
    revision: ClassVar[int] = 1
    """Raise it whenever `document` makes other documents of the same events."""
    mapping: ClassVar[Mapping[str, Any]]
    """Elasticsearch's mapping of each field, by the field's name. A document with any other field is refused."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings of the index beside the frame's own, such as {"analysis": ...} or {"number_of_shards": 2}."""
    handles: ClassVar[Collection[type[Event]]]
    """All event classes of the one aggregate type."""
    is_per_event: ClassVar[bool] = False
    """False: a document for each aggregate, its newest state, under its id. True: one for each event, under its id."""
    id_field: ClassVar[str] = "id"
    """The field, a keyword, that has the document's id."""
    version_field: ClassVar[str] = "version"
    """The field, a number, that has the aggregate's version."""
    subject_field: ClassVar[str] = ""
    """Of a projection for each event: the field that has the aggregate's id."""

    @abstractmethod
    def document(self, event: Any, envelope: Envelope) -> Document | None:
        """Return the document that the event tells; None hides the document from searches until a later event.

        Raise Unprocessable if the event can never be projected: it is parked as a dead letter.
        """

    @property
    def alias(self) -> str:
        """The alias of the index that is searched."""
        first = next(iter(projections()), type(self)).name
        alias = first if conf.alias is None else conf.alias
        return alias if self.name == first else f"{self.name}-{alias}"

    @property
    def aggregate_type(self) -> str:
        return aggregate_type_of(next(iter(self.event_names)))

    @property
    def event_names(self) -> frozenset[str]:
        return _names_of(tuple(self.handles))

    @property
    def version(self) -> str:
        """Tell indices of other documents, fields or words apart."""
        analysis = self.settings.get("analysis")
        return "-".join([str(self.revision), _digest(self.mappings), *([_digest(analysis)] if analysis else [])])

    @property
    def mappings(self) -> Mapping[str, Any]:
        """Return the whole mapping. It is strict: an event may not change the schema."""
        return {"dynamic": "strict", "properties": self.mapping}

    def document_id(self, envelope: Envelope) -> str:
        return str(envelope.id) if self.is_per_event else envelope.subject

    def project(self, batch: Sequence[Envelope]) -> Projected:
        """Project the newest event of each document; an event that a newer one replaces is not even read."""
        projected = Projected([], {})
        for envelope in batch if self.is_per_event else _newest(batch):
            try:
                projected.documents.append(self.versioned_document(envelope))
            except (Unprocessable, UnknownEventVersion) as error:
                projected.failures[envelope.id] = error
        return projected

    def versioned_document(self, envelope: Envelope) -> VersionedDocument:
        """Return the state that the event tells; raise Unprocessable or UnknownEventVersion if it can't be read."""
        version = envelope.aggregate_version
        document = self.document(_open(envelope), envelope)
        source = self._tombstone(envelope) if document is None else document
        return VersionedDocument(self.document_id(envelope), version * VERSION_STEP, source, envelope.id)

    def _tombstone(self, envelope: Envelope) -> Document:
        """Return what is stored of a hidden document: its version keeps older states away. The alias leaves it out."""
        tombstone: dict[str, Any] = {self.version_field: envelope.aggregate_version}
        return tombstone | ({self.subject_field: envelope.subject} if self.subject_field else {})


def projections() -> Sequence[type[Projection]]:
    """Return the projections of READMODEL_PROJECTIONS, in its order; raise ImportError for a wrong path."""
    return _load(tuple(conf.projections))


@cache
def _names_of(events: tuple[type[Event], ...]) -> frozenset[str]:
    return frozenset(map(name_of, events))


@cache
def _load(paths: tuple[str, ...]) -> Sequence[type[Projection]]:
    return [import_string(path) for path in paths]


def _newest(batch: Sequence[Envelope]) -> Iterable[Envelope]:
    newest: dict[str, Envelope] = {}
    for envelope in batch:
        known = newest.get(envelope.subject)
        if known is None or known.aggregate_version <= envelope.aggregate_version:
            newest[envelope.subject] = envelope
    return newest.values()


def _open(envelope: Envelope) -> Event:
    """Return the typed event; refuse one whose data tell of another aggregate or version than its envelope."""
    event = envelope.open()
    if (event.subject, event.aggregate_version) != (envelope.subject, envelope.aggregate_version):
        raise Unprocessable(
            f"event {envelope.id} is addressed to {envelope.subject} version {envelope.aggregate_version}, "
            f"but its data are of {event.subject} version {event.aggregate_version}"
        )
    return event


def _digest(value: Any) -> str:
    return f"{crc32(msgspec.json.encode(value, order='sorted')):08x}"
