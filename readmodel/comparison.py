"""Compare documents with the events that tell what they should be."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from events.envelope import Envelope
from events.event import name_of
from events.exceptions import UnknownEventVersion, Unprocessable
from events.settled import SettledEvents
from readmodel.documents import Documents, StoredDocument
from readmodel.projections import PROJECTIONS, VERSION_STEP, VersionedDocument, versioned_document

GROUP = "readmodel"
AGGREGATE_TYPE = "ticket"


class Kind(StrEnum):
    """In what a document and the newest settled event of its ticket differ."""

    MISSING = "missing"
    STALE = "stale"
    """It has an older version."""
    ALTERED = "altered"
    """It has the version, but another content."""
    LIFTED = "lifted"
    """It has a version that the log has not told."""
    GHOST = "ghost"
    """The log has no event of it."""
    PARKED = "parked"
    """A newer event is a dead letter."""
    UNREADABLE = "unreadable"
    """The event can't be read by this release."""


REPAIRABLE = frozenset({Kind.MISSING, Kind.STALE, Kind.ALTERED, Kind.LIFTED, Kind.GHOST})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A document that is not what it should be; `told` is what it should be, where that is known."""

    id: str
    kind: Kind
    log_version: int | None = None
    told: VersionedDocument | None = None
    stored: StoredDocument | None = None
    repaired: bool = False

    @property
    def index_version(self) -> int | None:
        """The ticket's version that the document has."""
        return self.stored.version // VERSION_STEP if self.stored else None

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """What each field that was altered should be, and what it is."""
        if self.kind != Kind.ALTERED or self.told is None or self.stored is None:
            return {}
        told, stored = msgspec.to_builtins(self.told.source), self.stored.source
        names = [name for name in told | stored if told.get(name) != stored.get(name)]
        return {name: (told.get(name), stored.get(name)) for name in names}


class Comparison:
    """Tells differences of one index from the log; events in flight are none, as each is looked at twice."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        names = [name_of(event) for event in PROJECTIONS]
        self.events = SettledEvents(GROUP, documents.target.uuid, AGGREGATE_TYPE, names)

    def differences(self, subjects: Sequence[str]) -> list[Difference]:
        """Compare the documents of the tickets with their newest settled events."""
        suspects = [difference.id for difference in self._compare(subjects)]
        return self._compare(suspects) if suspects else []

    def ghosts(self, ids: Collection[str]) -> list[Difference]:
        """Find the documents of which the log has no event."""
        unknown = set(ids) - self.events.known(ids)
        stored = self.documents.read(unknown)
        # The log once more, after the documents: an event is there before its document.
        ghosts = stored.keys() - self.events.known(stored)
        return [Difference(id=ghost, kind=Kind.GHOST, stored=stored[ghost]) for ghost in sorted(ghosts)]

    def parked(self, subjects: Collection[str]) -> list[Difference]:
        """Find the documents that lack the state of an event that is a dead letter."""
        versions = self.events.parked(subjects)
        stored = self.documents.read(versions)
        return [
            Difference(id=subject, kind=Kind.PARKED, log_version=version, stored=stored.get(subject))
            for subject, version in versions.items()
            if subject not in stored or stored[subject].version < version * VERSION_STEP
        ]

    def _compare(self, subjects: Sequence[str]) -> list[Difference]:
        settled = self.events.newest(subjects)
        stored = self.documents.read(subjects)  # Afterwards: what was settled before is there.
        versions = {document.id: document.version // VERSION_STEP for document in stored.values()}
        beyond = {
            subject: version
            for subject, version in versions.items()
            if subject not in settled or version > settled[subject].aggregate_version
        }
        later = self.events.first_from(beyond)  # Afterwards: an event is there before its document.
        compared = []
        for subject in subjects:
            if subject not in beyond:
                compared.append(_difference(settled.get(subject), stored.get(subject)))
            elif subject not in later:
                compared.append(_lifted(settled.get(subject), stored[subject]))
            elif later[subject].aggregate_version == beyond[subject]:
                compared.append(_difference(later[subject], stored[subject]))
            # Else newer events have replaced that of the document: it is about to be written anew.
        return [difference for difference in compared if difference]


def _difference(event: Envelope | None, stored: StoredDocument | None) -> Difference | None:
    if event is None:
        return None
    found = Difference(id=event.subject, kind=Kind.UNREADABLE, log_version=event.aggregate_version, stored=stored)
    try:
        told = versioned_document(event)
    except (Unprocessable, UnknownEventVersion):
        return found
    kind = _kind(told, stored)
    return msgspec.structs.replace(found, kind=kind, told=told) if kind else None


def _kind(told: VersionedDocument, stored: StoredDocument | None) -> Kind | None:
    if stored is None:
        return Kind.MISSING
    if stored.version < told.version:
        return Kind.STALE
    return Kind.ALTERED if stored.source != msgspec.to_builtins(told.source) else None


def _lifted(event: Envelope | None, stored: StoredDocument) -> Difference:
    missing = _difference(event, None)  # What there should be in its place, if anything yet.
    if missing is None:
        return Difference(id=stored.id, kind=Kind.LIFTED, stored=stored)
    return msgspec.structs.replace(missing, kind=Kind.LIFTED, stored=stored)
