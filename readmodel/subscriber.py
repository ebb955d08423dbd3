"""Feed the read model: the subscriber of the consumer group `readmodel`.

In:   batches of envelopes, in order, at least once.
Out:  documents of each projection, in every kept index.
Next: readmodel/projection.py
"""

import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.db import close_old_connections
from django.utils.translation import gettext as _

from events.envelope import Envelope
from events.event import Event
from events.exceptions import PartlyHandled, TargetLost
from events.log.partitions import partition_count
from events.personal_data import Leftover, Person, Sighting
from events.stages import note_batch
from events.subscriber import Subscriber, progress
from readmodel.background import Background
from readmodel.exceptions import VersionRaisedByHand
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.index.documents import Documents
from readmodel.index.prompt_refresh import FURTHER_PAUSE_SECONDS, PAUSE_SECONDS, PromptRefresh
from readmodel.measurements import PROJECT_SECONDS
from readmodel.projection import VERSION_STEP, VersionedDocument, projections
from readmodel.search.open_searches import KEEP_ALIVE_SECONDS
from readmodel.verification import forgetting
from readmodel.verification.audit import Audit
from readmodel.verification.comparison import Comparison
from readmodel.verification.repair import repair_by_log

logger = logging.getLogger(__name__)

AT_REST_AFTER_SECONDS = 1.0


class _EventsOfProjections:
    """Collects the projections' events at each access, since settings may be overridden."""

    def __get__(self, instance: object, owner: type) -> Collection[type[Event]]:
        # Without `handles`, `manage.py check` reports the projection.
        return {event for projection in projections() for event in getattr(projection, "handles", ())}


class IndexWriter(Subscriber):
    """Writes one projection's documents into one index. Any order and repetition of events has the same result."""

    overlap = 2  # While Elasticsearch writes one batch, the next one is read and projected.

    handled_at = -math.inf
    """The time of the last batch, by the monotonic clock."""

    def __init__(self, documents: Documents, refresh: PromptRefresh | None = None) -> None:
        """Tell `refresh` of each write, if the index is searched."""
        self._documents = documents
        self._projection = documents.projection
        self._refresh = refresh

    def open(self) -> str:
        """Return the index's UUID, so that an index that was deleted and created again is filled from the start."""
        return self._documents.target.uuid

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        names = self._projection.event_names
        return [envelope for envelope in batch if envelope.type in names]

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.handled_at = time.monotonic()
        with PROJECT_SECONDS.timed(self._projection.name):
            documents, failures = self._projection.project(batch)
        note_batch(logger, "projected", batch, index=self._documents.target.name, documents=len(documents))
        refused = self._write(documents)
        if self._refresh:
            self._refresh.wrote(len(documents) - len(refused), recorded=batch[0].time if batch else None)
        failures |= {document.event: refused[document.id] for document in documents if document.id in refused}
        if failures:
            raise PartlyHandled(failures | self._handle_earlier(batch, failures))

    def _write(self, documents: Sequence[VersionedDocument]) -> Mapping[str, Exception]:
        """Store the documents, and return errors by id; repair documents whose version was raised by hand."""
        progress()
        refused = self._documents.write(documents)
        progress()
        raised = [key for key, error in refused.items() if isinstance(error, VersionRaisedByHand)]
        if raised and self._documents.are_of_this_projection:
            self._repair(raised)
            again = [document for document in documents if document.id in raised]
            refused = {**refused, **self._documents.write(again)}
        # A document that is still refused has the log's state, possibly newer than this event, or has no event.
        return {key: error for key, error in refused.items() if not isinstance(error, VersionRaisedByHand)}

    def _repair(self, ids: Sequence[str]) -> None:
        """Write the log's state into these documents; the log may have newer states than the events in flight."""
        try:
            for difference in repair_by_log(Comparison(self._documents), ids):
                logger.warning(
                    "document %s of %s had a version that blocked events", difference.id, self._documents.target.name
                )
        finally:
            close_old_connections()  # The consumer's threads don't do this by themselves.

    def _handle_earlier(self, batch: Sequence[Envelope], failures: Collection[UUID]) -> dict[UUID, Exception]:
        """Write the states before the events that failed, since only the newest event of each document is written."""
        subjects = {envelope.subject for envelope in batch if envelope.id in failures}
        earlier = [envelope for envelope in batch if envelope.subject in subjects and envelope.id not in failures]
        try:
            self.handle(earlier)
        except PartlyHandled as more:
            return dict(more.failures)
        return {}


class ReadModel(Subscriber):
    """Feeds every kept index of every projection. The first projection's searched index is fed from the stream."""

    handles = _EventsOfProjections()
    overlap = IndexWriter.overlap

    def __init__(self) -> None:
        self._indices = [connect(projection) for projection in projections()]
        self._writers: list[IndexWriter] = []
        self._refreshes: list[PromptRefresh] = []
        self._kept: list[Documents] = []
        self._background = Background()
        self._audit = Audit([], pause=self._background.pause)

    def open(self) -> str:
        self._background.forget()
        for index in self._indices:
            index.indices.ensure()
        self._stop_refreshes()
        self._kept, self._writers = [], []
        for index in self._indices:
            searched, *others = index.kept()
            pause_seconds = FURTHER_PAUSE_SECONDS if self._refreshes else PAUSE_SECONDS
            self._refreshes.append(
                PromptRefresh(searched.refresh_unless_held, searched.projection.name, pause_seconds=pause_seconds)
            )
            self._kept += [searched, *others]
            self._writers += [IndexWriter(searched, self._refreshes[-1]), *map(IndexWriter, others)]
        self._audit = Audit(self._kept, pause=self._background.pause)
        return self._writers[0].open()

    def further_targets(self) -> list[IndexWriter]:
        return self._writers[1:]

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        return self._writers[0].select(batch)

    def handle(self, batch: Sequence[Envelope]) -> None:
        self._writers[0].handle(batch)

    def check(self, partitions: Collection[int]) -> None:
        """Begin to audit the next documents of these partitions, and then to look at the indices, in the background.

        Refresh the indices as often as fits these partitions. Raise TargetLost if the last look has found that the kept
        indices have changed.
        """
        if partitions:
            for refresh in self._refreshes:
                refresh.share = len(partitions) / partition_count()
        self._background.begin(partial(self._look_around, frozenset(partitions)))

    def settle(self) -> None:
        self._background.settle()

    def _look_around(self, partitions: Collection[int]) -> None:
        """Audit; undo what an interrupted rebuild left; raise TargetLost if the kept indices have changed."""
        self._audit.step(partitions, is_at_rest=self._is_at_rest)
        # Last, so that what this finds is not old when it is asked for.
        kept = [target for index in self._indices for target in index.indices.undo_leftovers()]
        if kept != [documents.target for documents in self._kept]:
            raise TargetLost("indices were created or deleted, or the alias was moved")

    def _is_at_rest(self) -> bool:
        handled_at = max(writer.handled_at for writer in self._writers)
        return time.monotonic() - handled_at > AT_REST_AFTER_SECONDS

    def has_target(self, target: str) -> bool:
        return self._indices[0].indices.exists(target)

    def examine(self) -> Iterator[tuple[str, str]]:
        for index in self._indices:
            yield from index.indices.examine()

    def find_effect(self, envelope: Envelope) -> str:
        index = self._index_of(envelope)
        document_id = index.projection.document_id(envelope)
        stored = index.stored_version(document_id)
        if stored is None:
            return _("there is no document %(id)s") % {"id": document_id}
        version, repairs = divmod(stored, VERSION_STEP)
        effect = _effect(version, envelope.aggregate_version)
        return _("%(effect)s, repaired") % {"effect": effect} if repairs else effect

    def forget(self) -> None:
        """Replace all indices by empty ones: they have versions of events that the restored log does not have."""
        for index in self._indices:
            index.indices.replace()

    def rewrite(self, envelopes: Sequence[Envelope]) -> None:
        for index in self._indices:
            for documents in index.kept():
                forgetting.rewrite(documents, envelopes)

    def redact(self, person: Person) -> None:
        for index in self._indices:
            for documents in index.kept():
                forgetting.redact(documents, person)

    def sightings(self, person: Person) -> Iterator[Sighting]:
        for index in self._indices:
            for documents in index.kept():
                yield from forgetting.sightings(documents, person)

    def leftovers(self) -> Iterator[Leftover]:
        yield Leftover(
            _("Elasticsearch: former documents in the segments of the indices"),
            _("the segments are merged"),
            "POST /INDEX/_forcemerge?max_num_segments=1",
        )
        yield Leftover(
            _("Elasticsearch: searches that go on by a cursor"),
            _("%(seconds)s s after the last page of each was read") % {"seconds": KEEP_ALIVE_SECONDS},
            _("they end by themselves"),
        )

    def close(self) -> None:
        self._background.close()
        self._stop_refreshes()
        for index in self._indices:
            index.close()

    def _stop_refreshes(self) -> None:
        for refresh in self._refreshes:
            refresh.close()
        self._refreshes = []

    def _index_of(self, envelope: Envelope) -> DocumentIndex:
        """Return the index of the first projection that handles the event."""
        return next(index for index in self._indices if envelope.type in index.projection.event_names)


def _effect(stored: int, of_event: int) -> str:
    if stored == of_event:
        text = _("the document has this event's version, %(stored)s")
    elif stored > of_event:
        text = _("the document has a newer version than this event's %(of_event)s: %(stored)s")
    else:
        text = _("the document has an older version than this event's %(of_event)s: %(stored)s")
    return text % {"stored": stored, "of_event": of_event}
