"""Compare documents with their events, in the same way for every projection."""

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
    """Finds the differences of one index from the log. It looks twice, so an event in flight is not a difference."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self._projection = projection = documents.projection
        handled: type[HandledEvents] = HandledByEvent if projection.is_per_event else HandledByAggregate
        self.events = handled(GROUP, documents.target.uuid, projection.aggregate_type, projection.event_names)

    def differences(self, ids: Sequence[str]) -> list[Difference]:
        """Compare documents that have events in the log with their newest handled events."""
        suspects = [difference.id for difference in self._compare(ids)]
        return self._compare(suspects) if suspects else []

    def ghosts(self, ids: Collection[str]) -> list[Difference]:
        """Find the documents that have no event in the log."""
        unknown = set(ids) - self.events.known(ids)
        stored = self.documents.read(unknown)
        # Read the log again after the documents: an event is stored before its document.
        ghosts = stored.keys() - self.events.known(stored)
        ghosts -= self._dropped({ghost: stored[ghost] for ghost in ghosts})
        return [Difference(id=ghost, kind=Kind.GHOST, stored=stored[ghost]) for ghost in sorted(ghosts)]

    def parked(self, ids: Collection[str]) -> list[Difference]:
        """Find the documents that lack the state of an event because it is a dead letter."""
        versions = self.events.parked(ids)
        stored = self.documents.read(versions)
        return [
            Difference(id=parked, kind=Kind.PARKED, log_version=version, stored=stored.get(parked))
            for parked, version in versions.items()
            if parked not in stored or stored[parked].version < version * VERSION_STEP
        ]

    def _compare(self, ids: Sequence[str]) -> list[Difference]:
        handled = self.events.newest(ids)
        stored = self.documents.read(ids)  # After the log: the documents of handled events are stored.
        versions = {document.id: document.version // VERSION_STEP for document in stored.values()}
        beyond = {
            key: version
            for key, version in versions.items()
            if key not in handled or version > handled[key].aggregate_version
        }
        later = self.events.first_from(beyond)  # After the documents: an event is stored before its document.
        dropped = self._dropped({key: stored[key] for key in beyond.keys() - later.keys() - handled.keys()})
        compared = []
        for key in ids:
            if key in dropped:
                continue
            if key not in beyond:
                compared.append(self._difference(key, handled.get(key), stored.get(key)))
            elif key not in later:
                compared.append(self._lifted(handled.get(key), stored[key]))
            elif later[key].aggregate_version == beyond[key]:
                compared.append(self._difference(key, later[key], stored[key]))
            # Otherwise the document's event was compacted away, and a newer one is about to be written.
        return [difference for difference in compared if difference]

    def _difference(self, key: str, event: Envelope | None, stored: StoredDocument | None) -> Difference | None:
        if event is None:
            return None
        found = Difference(id=key, kind=Kind.UNREADABLE, log_version=event.aggregate_version, stored=stored)
        documents = self._projection.project([event]).documents
        if not documents:
            return found
        [expected] = documents
        kind = _kind(expected, stored)
        return msgspec.structs.replace(found, kind=kind, expected=expected) if kind else None

    def _lifted(self, event: Envelope | None, stored: StoredDocument) -> Difference:
        missing = self._difference(stored.id, event, None)  # Has the expected document, if there is one yet.
        if missing is None:
            return Difference(id=stored.id, kind=Kind.LIFTED, stored=stored)
        return msgspec.structs.replace(missing, kind=Kind.LIFTED, stored=stored)

    def _dropped(self, stored: Mapping[str, StoredDocument]) -> set[str]:
        """Return the documents whose events were compacted away, so that there is nothing to compare them with."""
        claimed = {key: self._event_in(key, document.source) for key, document in stored.items()}
        return self.events.dropped({key: event for key, event in claimed.items() if event})

    def _event_in(self, key: str, source: Mapping[str, Any]) -> tuple[str, int] | None:
        """Return the subject and version of the event that the document says it was made from, None if it says none."""
        projection = self._projection
        subject, version = source.get(projection.subject_field), source.get(projection.version_field)
        is_hidden = source.keys() == {projection.subject_field, projection.version_field}
        if not (is_hidden or source.get(projection.id_field) == key):
            return None
        if not (isinstance(subject, str) and isinstance(version, int)) or "\x00" in subject:
            return None
        return subject, version


def _kind(expected: VersionedDocument, stored: StoredDocument | None) -> Kind | None:
    if stored is None:
        return Kind.MISSING
    if stored.version < expected.version:
        return Kind.STALE
    return None if stored.has(expected.source) else Kind.ALTERED
