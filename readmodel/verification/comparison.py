"""Compare documents with the events that tell what they should be: one mechanism for every projection."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from events.envelope import Envelope
from events.groups.handled import HandledByAggregate, HandledEvents
from events.groups.handled_by_event import HandledByEvent
from readmodel.conf import GROUP
from readmodel.index.documents import Documents, StoredDocument
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.verification.difference import Difference, Kind


class Comparison:
    """Tells differences of one index from the log; events in flight are none, as each is looked at twice."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self._projection = projection = documents.projection
        told_by: type[HandledEvents] = HandledByEvent if projection.is_per_event else HandledByAggregate
        self.events = told_by(GROUP, documents.target.uuid, projection.aggregate_type, projection.event_names)

    def differences(self, ids: Sequence[str]) -> list[Difference]:
        """Compare the documents that the log tells of with their newest settled events."""
        suspects = [difference.id for difference in self._compare(ids)]
        return self._compare(suspects) if suspects else []

    def ghosts(self, ids: Collection[str]) -> list[Difference]:
        """Find the documents of which the log has no event."""
        unknown = set(ids) - self.events.known(ids)
        stored = self.documents.read(unknown)
        # The log once more, after the documents: an event is there before its document.
        ghosts = stored.keys() - self.events.known(stored)
        ghosts -= self._dropped({ghost: stored[ghost] for ghost in ghosts})
        return [Difference(id=ghost, kind=Kind.GHOST, stored=stored[ghost]) for ghost in sorted(ghosts)]

    def parked(self, ids: Collection[str]) -> list[Difference]:
        """Find the documents that lack the state of an event that is a dead letter."""
        versions = self.events.parked(ids)
        stored = self.documents.read(versions)
        return [
            Difference(id=parked, kind=Kind.PARKED, log_version=version, stored=stored.get(parked))
            for parked, version in versions.items()
            if parked not in stored or stored[parked].version < version * VERSION_STEP
        ]

    def _compare(self, ids: Sequence[str]) -> list[Difference]:
        settled = self.events.newest(ids)
        stored = self.documents.read(ids)  # Afterwards: what was settled before is there.
        versions = {document.id: document.version // VERSION_STEP for document in stored.values()}
        beyond = {
            key: version
            for key, version in versions.items()
            if key not in settled or version > settled[key].aggregate_version
        }
        later = self.events.first_from(beyond)  # Afterwards: an event is there before its document.
        dropped = self._dropped({key: stored[key] for key in beyond.keys() - later.keys() - settled.keys()})
        compared = []
        for key in ids:
            if key in dropped:
                continue
            if key not in beyond:
                compared.append(self._difference(key, settled.get(key), stored.get(key)))
            elif key not in later:
                compared.append(self._lifted(settled.get(key), stored[key]))
            elif later[key].aggregate_version == beyond[key]:
                compared.append(self._difference(key, later[key], stored[key]))
            # Else newer events have replaced that of the document: it is about to be written anew.
        return [difference for difference in compared if difference]

    def _difference(self, key: str, event: Envelope | None, stored: StoredDocument | None) -> Difference | None:
        if event is None:
            return None
        found = Difference(id=key, kind=Kind.UNREADABLE, log_version=event.aggregate_version, stored=stored)
        documents = self._projection.project([event]).documents
        if not documents:
            return found
        [told] = documents
        kind = _kind(told, stored)
        return msgspec.structs.replace(found, kind=kind, told=told) if kind else None

    def _lifted(self, event: Envelope | None, stored: StoredDocument) -> Difference:
        missing = self._difference(stored.id, event, None)  # What there should be in its place, if anything yet.
        if missing is None:
            return Difference(id=stored.id, kind=Kind.LIFTED, stored=stored)
        return msgspec.structs.replace(missing, kind=Kind.LIFTED, stored=stored)

    def _dropped(self, stored: Mapping[str, StoredDocument]) -> set[str]:
        """Return those that a compaction has left without their event: nothing tells what they should be."""
        said = {key: self._event_in(key, document.source) for key, document in stored.items()}
        return self.events.dropped({key: event for key, event in said.items() if event})

    def _event_in(self, key: str, source: Mapping[str, Any]) -> tuple[str, int] | None:
        """Return the subject and the version that a document of an event claims to be of."""
        projection = self._projection
        subject, version = source.get(projection.subject_field), source.get(projection.version_field)
        is_hidden = source.keys() == {projection.subject_field, projection.version_field}
        if not (is_hidden or source.get(projection.id_field) == key):
            return None
        if not (isinstance(subject, str) and isinstance(version, int)) or "\x00" in subject:
            return None
        return subject, version


def _kind(told: VersionedDocument, stored: StoredDocument | None) -> Kind | None:
    if stored is None:
        return Kind.MISSING
    if stored.version < told.version:
        return Kind.STALE
    return Kind.ALTERED if stored.source != msgspec.to_builtins(told.source) else None
