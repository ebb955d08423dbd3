"""Turn events into the documents of one index: derive a class from Projection, and name it in READMODEL_PROJECTIONS.

In:   the envelopes of a batch.
Out:  the newest document of each id, with its version.
Next: readmodel/tickets/documents.py
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from inspect import isabstract
from typing import Any, ClassVar, NamedTuple
from uuid import UUID
from zlib import crc32

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.envelope import Envelope
from events.event import Event, aggregate_type_of, name_of
from events.exceptions import UnknownEventVersion, Unprocessable
from readmodel.conf import conf

VERSION_STEP = 65_536
"""A document's version is its event's version times this. Repairs use the numbers up to the next event's version."""

type Document = msgspec.Struct | Mapping[str, Any]


class VersionedDocument(msgspec.Struct, frozen=True):
    """A document with its id and its external version. Elasticsearch keeps the state with the highest version."""

    id: str
    version: int
    source: Document
    event: UUID
    """The id of the event that led to this state."""


class Projected(NamedTuple):
    """The newest document of each id in a batch, and the errors of events that could not be read, by event id."""

    documents: list[VersionedDocument]
    failures: dict[UUID, Exception]


class Projection(ABC):
    """Documents of one aggregate type: one for each aggregate, or one for each event. Its methods do no I/O.

    An index stores the version of the projection that made it. The version depends on `revision`, `mapping` and the
    analysis in `settings`: when one of them changes, `doctor` asks for `manage.py rebuild_readmodel NAME`.
    """

    name: ClassVar[str]
    """The name in commands, metrics and aliases: a letter or digit, then a to z, 0 to 9, dots, - and _."""
    revision: ClassVar[int] = 1
    """Raise it whenever `document` returns other documents for the same events."""
    mapping: ClassVar[Mapping[str, Any]]
    """Elasticsearch's mapping of each field, by the field's name. A document with any other field is refused."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Further settings of the index, such as {"analysis": ...} or {"number_of_shards": 2}."""
    handles: ClassVar[Collection[type[Event]]]
    """All event classes of the aggregate type."""
    is_per_event: ClassVar[bool] = False
    """True: a document for each event, under the event's id. False: one for each aggregate, under the aggregate's."""
    id_field: ClassVar[str] = "id"
    """The keyword field with the document's id."""
    version_field: ClassVar[str] = "version"
    """The number field with the aggregate's version."""
    subject_field: ClassVar[str] = ""
    """The field with the aggregate's id, if the projection has a document for each event."""

    @abstractmethod
    def document(self, event: Any, envelope: Envelope) -> Document | None:
        """Return the document for the event; None hides the document from searches until a later event shows it.

        Raise Unprocessable if the event can never be projected: it is parked as a dead letter.
        """

    @property
    def alias(self) -> str:
        """The alias of the searched index."""
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
        """A text that changes with the documents, the fields or the analysis of words."""
        analysis = self.settings.get("analysis")
        return "-".join([str(self.revision), _digest(self.mappings), *([_digest(analysis)] if analysis else [])])

    @property
    def mappings(self) -> Mapping[str, Any]:
        """The whole mapping. It is strict, so that an event can't change the schema."""
        return {"dynamic": "strict", "properties": self.mapping}

    def document_id(self, envelope: Envelope) -> str:
        return str(envelope.id) if self.is_per_event else envelope.subject

    def project(self, batch: Sequence[Envelope]) -> Projected:
        """Project the newest event of each document; older events in the batch are not even decoded."""
        projected = Projected([], {})
        for envelope in batch if self.is_per_event else _newest(batch):
            try:
                projected.documents.append(self.versioned_document(envelope))
            except (Unprocessable, UnknownEventVersion) as error:
                projected.failures[envelope.id] = error
        return projected

    def versioned_document(self, envelope: Envelope) -> VersionedDocument:
        """Return the state after the event; raise Unprocessable or UnknownEventVersion if it can't be read."""
        version = envelope.aggregate_version
        document = self.document(_open(envelope), envelope)
        source = self._tombstone(envelope) if document is None else self._expect_fields(document, version)
        return VersionedDocument(self.document_id(envelope), version * VERSION_STEP, source, envelope.id)

    def _expect_fields(self, document: Document, version: int) -> Document:
        """Return the document; raise Unprocessable if it has no id, which would hide it, or another version."""
        fields = partial(getattr, document) if isinstance(document, msgspec.Struct) else document.get
        if fields(self.id_field, None) is None or fields(self.version_field, None) != version:
            raise Unprocessable(
                f"{type(self).__qualname__}.document must return the id as {self.id_field!r} "
                f"and the event's version, {version}, as {self.version_field!r}"
            )
        return document

    def _tombstone(self, envelope: Envelope) -> Document:
        """Return what is stored for a hidden document, so that its version keeps older states away."""
        tombstone: dict[str, Any] = {self.version_field: envelope.aggregate_version}
        return tombstone | ({self.subject_field: envelope.subject} if self.subject_field else {})


def projections() -> Sequence[type[Projection]]:
    """Return the projections of READMODEL_PROJECTIONS in that order; raise ImproperlyConfigured."""
    return _load_all(tuple(conf.projections))


def load_projection(path: str) -> type[Projection]:
    """Return the projection; raise ImproperlyConfigured if the path names something else."""
    try:
        found = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"READMODEL_PROJECTIONS: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Projection)) or isabstract(found):
        raise ImproperlyConfigured(f"READMODEL_PROJECTIONS: {path} is not a Projection with a method `document`")
    return found


@cache
def _names_of(events: tuple[type[Event], ...]) -> frozenset[str]:
    return frozenset(map(name_of, events))


@cache
def _load_all(paths: tuple[str, ...]) -> Sequence[type[Projection]]:
    return [load_projection(path) for path in paths]


def _newest(batch: Sequence[Envelope]) -> Iterable[Envelope]:
    newest: dict[str, Envelope] = {}
    for envelope in batch:
        known = newest.get(envelope.subject)
        if known is None or known.aggregate_version <= envelope.aggregate_version:
            newest[envelope.subject] = envelope
    return newest.values()


def _open(envelope: Envelope) -> Event:
    """Return the typed event; raise Unprocessable if its data and its envelope disagree on aggregate or version."""
    event = envelope.open()
    if (event.subject, event.aggregate_version) != (envelope.subject, envelope.aggregate_version):
        raise Unprocessable(
            f"event {envelope.id} is addressed to {envelope.subject} version {envelope.aggregate_version}, "
            f"but its data are of {event.subject} version {event.aggregate_version}"
        )
    return event


def _digest(value: Any) -> str:
    return f"{crc32(msgspec.json.encode(value, order='sorted')):08x}"
