"""Find the events that a group has handled one by one, to compare the effect of each event with the log."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from events.envelope import Envelope
from events.groups.handled import HandledEvents, fetch, marks, rows
from events.models import LogEntry

CHOSEN = "log.event_id IN ({ids}) AND log.aggregate_type = %s AND log.type IN ({types})"
SETTLED = """
EXISTS (
    SELECT 1 FROM events_checkpoint AS checkpoint
    WHERE checkpoint."group" = %s AND checkpoint.target = %s AND checkpoint.partition = place.partition
        AND checkpoint.position >= place.position
) AND (letter.id IS NULL OR letter.state = 'handled')
"""
# One statement: a compaction that deleted the row has moved `compacted_to` in the same transaction.
DROPPED = """
WITH wanted (subject, version) AS (VALUES {rows})
SELECT subject, version FROM wanted
WHERE NOT EXISTS (
    SELECT 1 FROM events_log AS own
    WHERE own.aggregate_type = %s AND own.subject = wanted.subject AND own.aggregate_version = wanted.version
) AND EXISTS (
    SELECT 1 FROM events_log AS later
    JOIN events_position AS place ON place.entry_id = later.id
    JOIN events_partition AS part ON part.number = place.partition AND place.position <= part.compacted_to
    WHERE later.aggregate_type = %s AND later.subject = wanted.subject AND later.aggregate_version > wanted.version
)
"""


class HandledByEvent(HandledEvents):
    """For a group that writes a document of each event. A key is the event's id as text; the order is that of time."""

    def count(self) -> int:
        return self._events().count()

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Raise ValueError for a key that is not an event's id."""
        return list(self.versions_after(key, limit))

    def versions_after(self, key: str, limit: int) -> dict[str, int]:
        """Raise ValueError for a key that is not an event's id."""
        events = self._events().filter(event_id__gt=UUID(key)) if key else self._events()
        page = events.order_by("event_id").values_list("event_id", "aggregate_version")[:limit]
        return {str(found): version for found, version in page}

    def random_keys(self, count: int) -> list[str]:
        return [str(found) for found in self._events().order_by("?").values_list("event_id", flat=True)[:count]]

    def newest(self, keys: Sequence[str]) -> dict[str, Envelope]:
        return self._read(keys, f"AND {SETTLED}", self._place)

    def first_from(self, versions: Mapping[str, int]) -> dict[str, Envelope]:
        found = self._read(versions)
        return {key: event for key, event in found.items() if event.aggregate_version >= versions[key]}

    def known(self, keys: Collection[str]) -> set[str]:
        ids = [key for key in keys if _is_id(key)]
        return {str(found) for found in self._events().filter(event_id__in=ids).values_list("event_id", flat=True)}

    def parked(self, keys: Collection[str]) -> dict[str, int]:
        letters = self.open_letters().filter(event_id__in=list(filter(_is_id, keys)))
        events = self._events().filter(event_id__in=letters.values("event_id"))
        return {str(found): version for found, version in events.values_list("event_id", "aggregate_version")}

    def dropped(self, sources: Mapping[str, tuple[str, int]]) -> set[str]:
        if not sources:
            return set()
        values = [value for source in sources.values() for value in source]
        statement = DROPPED.format(rows=rows(len(sources), 2))
        found = fetch(statement, [*values, self._aggregate_type, self._aggregate_type])
        gone = {(subject, version) for subject, version in found}
        return {key for key, source in sources.items() if source in gone}

    def _events(self) -> QuerySet[LogEntry]:
        return self._entries.filter(type__in=self._types)

    def _read(self, keys: Collection[str], condition: str = "", parameters: Sequence[Any] = ()) -> dict[str, Envelope]:
        ids = [UUID(key).hex for key in keys if _is_id(key)]
        if not ids:
            return {}
        chosen = CHOSEN.format(ids=marks(len(ids)), types=marks(len(self._types)))
        found = self.read(f"{chosen} {condition}", [*ids, self._aggregate_type, *self._types, *parameters])
        return {str(envelope.id): envelope for envelope in found}


def _is_id(key: str) -> bool:
    """Tell whether the key has the form of an event's id."""
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False
