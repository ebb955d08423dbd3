"""Find the events that a group has handled, to compare its effects with the log: by aggregate here, else by event."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Max, QuerySet
from msgspec import json
from msgspec.structs import replace

from events.database import connection
from events.envelope import Envelope
from events.groups import checkpoint
from events.log.reading import SELECTED, Row, envelopes_of
from events.models import DeadLetter, LogEntry, Partition

# The keys come as one JSON text: to write hundreds of parameters takes the client longer than to find the events. The
# ids are chosen as an array, before the rows are read: PostgreSQL would read the whole log for a join of both.
CHOSEN = {
    "postgresql": """
log.id = ANY (ARRAY(
    WITH wanted (subject, version) AS (
        SELECT value->>0, CAST(value->>1 AS bigint) FROM json_array_elements(%s)
    )
    SELECT ({choice}) FROM wanted
))
""",
    "sqlite": """
log.id IN (
    WITH wanted (subject, version) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(%s)
    )
    SELECT ({choice}) FROM wanted
)
""",
}
# An event that was handled with an edited payload is returned with that payload.
ENTRIES = """
SELECT {columns}, letter.edited_data, letter.edited_version
FROM events_log AS log
LEFT JOIN events_position AS place ON place.entry_id = log.id
LEFT JOIN events_dead_letter AS letter
    ON letter."group" = %s AND letter.target = %s AND letter.event_id = log.event_id
WHERE {condition}
"""
NEWEST_SETTLED = """
    SELECT newest.id FROM events_log AS newest
    JOIN events_position AS place ON place.entry_id = newest.id
    JOIN events_checkpoint AS checkpoint
        ON checkpoint."group" = %s AND checkpoint.target = %s AND checkpoint.partition = place.partition
    WHERE newest.aggregate_type = %s AND newest.subject = wanted.subject AND newest.type IN ({types})
        AND place.position <= checkpoint.position AND NOT EXISTS (
            SELECT 1 FROM events_dead_letter AS open_letter
            WHERE open_letter."group" = checkpoint."group" AND open_letter.target = checkpoint.target
                AND open_letter.event_id = newest.event_id AND open_letter.state <> 'handled'
        )
    ORDER BY newest.aggregate_version DESC LIMIT 1
"""
FIRST_FROM = """
    SELECT first.id FROM events_log AS first
    WHERE first.aggregate_type = %s AND first.subject = wanted.subject AND first.type IN ({types})
        AND first.aggregate_version >= wanted.version
    ORDER BY first.aggregate_version LIMIT 1
"""
KNOWN = """
WITH wanted (subject) AS (VALUES {rows})
SELECT subject FROM wanted
WHERE EXISTS (SELECT 1 FROM events_log WHERE aggregate_type = %s AND events_log.subject = wanted.subject)
"""


class HandledEvents(ABC):
    """The events that a group has settled for one of its targets, by the keys of the documents that it writes.

    A key is text; keys are in the database's own order. Only events of one aggregate type and of `types` count.
    """

    def __init__(self, group: str, target: str, aggregate_type: str, types: Collection[str]) -> None:
        self._place = (group, target)
        self._aggregate_type = aggregate_type
        self._types = tuple(types)
        self._entries = LogEntry.objects.filter(aggregate_type=aggregate_type)

    @abstractmethod
    def count(self) -> int:
        """Return how many keys the log has."""

    @abstractmethod
    def keys_after(self, key: str, limit: int) -> list[str]:
        """Return the next keys after `key`; "" is before the first."""

    @abstractmethod
    def versions_after(self, key: str, limit: int) -> dict[str, int]:
        """Return the next keys, each with the version of its newest event, settled or not."""

    @abstractmethod
    def random_keys(self, count: int) -> list[str]:
        """Return that many keys, chosen at random."""

    @abstractmethod
    def newest(self, keys: Sequence[str]) -> dict[str, Envelope]:
        """Return each key's newest event that is settled, and neither parked nor discarded.

        Its effect was complete before this returns.
        """

    @abstractmethod
    def first_from(self, versions: Mapping[str, int]) -> dict[str, Envelope]:
        """Return each key's event of the version, settled or not; if it was compacted away, the key's next one."""

    @abstractmethod
    def known(self, keys: Collection[str]) -> set[str]:
        """Return the keys of which the log has any event."""

    @abstractmethod
    def parked(self, keys: Collection[str]) -> dict[str, int]:
        """Return the version of each key's newest event that is an open dead letter."""

    @abstractmethod
    def dropped(self, sources: Mapping[str, tuple[str, int]]) -> set[str]:
        """Return the keys whose event was compacted away; `sources` has the aggregate and version of each."""

    def count_unsettled(self) -> int:
        """Return how many positions of the log the group has not settled."""
        reached = checkpoint.positions(*self._place)
        given = Partition.objects.values_list("number", "last_position")
        return sum(max(0, last - reached.get(number, 0)) for number, last in given)

    def open_letters(self) -> QuerySet[DeadLetter]:
        group, target = self._place
        return DeadLetter.objects.filter(group=group, target=target, state__in=DeadLetter.OPEN)

    def read(self, condition: str, parameters: Sequence[Any]) -> list[Envelope]:
        """Return the events that fit the SQL condition, with the payload that this group has handled."""
        found = fetch(ENTRIES.format(columns=SELECTED, condition=condition), [*self._place, *parameters])
        edited = [row[-2:] for row in found]
        return list(map(_edited, envelopes_of(row[:-2] for row in found), edited))


class HandledByAggregate(HandledEvents):
    """For a group that writes the newest state of each aggregate. A key is the aggregate's id."""

    def count(self) -> int:
        return self._entries.values("subject").distinct().count()

    def keys_after(self, key: str, limit: int) -> list[str]:
        page = self._entries.filter(subject__gt=key).order_by("subject")
        return list(page.values_list("subject", flat=True).distinct()[:limit])

    def versions_after(self, key: str, limit: int) -> dict[str, int]:
        page = self._entries.filter(subject__gt=key, type__in=self._types).values("subject").order_by("subject")
        newest = page.annotate(newest=Max("aggregate_version"))
        return dict(newest.values_list("subject", "newest")[:limit])

    def random_keys(self, count: int) -> list[str]:
        # With a LIMIT the database keeps only that many rows in memory while it sorts.
        each = self._entries.values("subject").annotate(newest=Max("aggregate_version"))
        return list(each.order_by("?").values_list("subject", flat=True)[:count])

    def newest(self, keys: Sequence[str]) -> dict[str, Envelope]:
        return self._look_up([(key,) for key in keys], NEWEST_SETTLED, [*self._place, self._aggregate_type])

    def first_from(self, versions: Mapping[str, int]) -> dict[str, Envelope]:
        return self._look_up(list(versions.items()), FIRST_FROM, [self._aggregate_type])

    def known(self, keys: Collection[str]) -> set[str]:
        # PostgreSQL refuses text with a null character, so the log has none.
        possible = [key for key in keys if "\x00" not in key]
        if not possible:
            return set()
        statement = KNOWN.format(rows=rows(len(possible), 1))
        return {subject for (subject,) in fetch(statement, [*possible, self._aggregate_type])}

    def parked(self, keys: Collection[str]) -> dict[str, int]:
        letters = self.open_letters().filter(subject__in=keys)
        events = self._entries.filter(event_id__in=letters.values("event_id"))
        return dict(events.order_by("aggregate_version").values_list("subject", "aggregate_version"))

    def dropped(self, sources: Mapping[str, tuple[str, int]]) -> set[str]:  # noqa: ARG002 (the newest event of each is never compacted away)
        return set()

    def _look_up(self, wanted: Sequence[Row], choice: str, parameters: Sequence[str]) -> dict[str, Envelope]:
        if not wanted:
            return {}
        condition = CHOSEN[connection().vendor].format(choice=choice.format(types=marks(len(self._types))))
        found = self.read(condition, [json.encode(wanted).decode(), *parameters, *self._types])
        return {envelope.subject: envelope for envelope in found}


def marks(count: int) -> str:
    """Return that many placeholders for parameters."""
    return ", ".join(["%s"] * count)


def rows(count: int, columns: int) -> str:
    """Return placeholders for that many rows of VALUES."""
    return ", ".join([f"({marks(columns)})"] * count)


def fetch(statement: str, parameters: Sequence[Any]) -> list[Row]:
    """Return all rows; model instances would take a third of an audit's time."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Row] = cursor.fetchall()
    return found


def _edited(envelope: Envelope, edited: Row) -> Envelope:
    data, schema_version = edited
    return envelope if data is None else replace(envelope, data=data, schema_version=schema_version)
