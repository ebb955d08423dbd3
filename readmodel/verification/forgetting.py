"""Take a forgotten person out of an index: write documents anew, and search all of them.

A document that is written anew gets a version between its event's and the next one's, as a repair does: a process that
has read the former event and writes it late is refused.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from events.envelope import Envelope
from events.exceptions import RetryLater
from events.personal_data import Person, Sighting, redacted_json, texts_in
from readmodel.index.documents import Documents, StoredDocument
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.verification.comparison import Comparison

DOCUMENTS_AT_ONCE = 1_000
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)
NO_EVENT = UUID(int=0)


def rewrite(documents: Documents, envelopes: Sequence[Envelope]) -> None:
    """Write the documents of these events anew, as the log has the events now; raise RetryLater if others win again."""
    projection = documents.projection
    versions: dict[str, int] = {}
    for envelope in envelopes:
        if envelope.type in projection.event_names:
            key = projection.document_id(envelope)
            versions[key] = max(versions.get(key, 0), envelope.aggregate_version)
    if not versions:
        return
    # With the payload that the group has handled: a dead letter may have been edited.
    events = Comparison(documents).events.first_from(versions)
    _write(documents, projection.project(list(events.values())).documents)


def redact(documents: Documents, person: Person) -> None:
    """Remove the person from the texts of documents that have it still: their events were compacted away."""
    for page in _pages(documents):
        found = [document for document in page if _has(document.source, person)]
        _write(documents, [_redacted(document, person) for document in found])


def sightings(documents: Documents, person: Person) -> Iterator[Sighting]:
    """Search all documents of the index."""
    place = _("index %(name)s") % {"name": documents.target.name}
    yield Sighting(place, 0)
    for page in _pages(documents):
        found = [{"id": document.id, **document.source} for document in page if _has(document.source, person)]
        yield Sighting(place, len(page), found)


def _pages(documents: Documents) -> Iterator[Sequence[StoredDocument]]:
    documents.refresh()
    page = documents.page([], DOCUMENTS_AT_ONCE)
    while page.ids:
        yield list(documents.read(page.ids).values())
        page = documents.page(page.end, DOCUMENTS_AT_ONCE)


def _has(source: Mapping[str, Any], person: Person) -> bool:
    return any(person.occurs_in(text) for text in texts_in(source))


def _redacted(document: StoredDocument, person: Person) -> VersionedDocument:
    text = msgspec.json.encode(document.source).decode()
    source = msgspec.json.decode(redacted_json(text, person))
    return VersionedDocument(document.id, document.version, source, NO_EVENT)


def _write(documents: Documents, wanted: Sequence[VersionedDocument]) -> None:
    """Store each document with a version above the stored one, unless that is of a later event."""
    left = list(wanted)
    for pause in PAUSES_SECONDS:
        time.sleep(pause)
        stored = documents.read([document.id for document in left])
        raised = [_raised(document, stored.get(document.id)) for document in left]
        left = [document for document in raised if document]
        refused = documents.write(left)
        left = [document for document in left if document.id in refused]
        if not left:
            return
    raise RetryLater(f"{documents.target.name} refuses {len(left)} documents: {refused[left[0].id]}")


def _raised(document: VersionedDocument, stored: StoredDocument | None) -> VersionedDocument | None:
    """Return the document with the version to write; None if it, or a later event's, is stored already."""
    begin = document.version - document.version % VERSION_STEP
    if stored is None or stored.version < begin:
        return msgspec.structs.replace(document, version=begin + 1)
    if stored.version >= begin + VERSION_STEP:
        return None
    is_written = stored.version > begin and stored.has(document.source)
    return None if is_written else msgspec.structs.replace(document, version=stored.version + 1)
