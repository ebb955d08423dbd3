"""Read events from the log, one partition at a time."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, Max

from events.database import connection
from events.envelope import Envelope
from events.log.partitions import partition_count
from events.log.positions import BATCH_ROWS
from events.log.waiting import waiting_in
from events.models import LogEntry, Partition

type Row = tuple[Any, ...]

BATCH_BYTES = 1_000_000
# The database limits the batch's bytes, so that no large events are fetched and then thrown away.
READ_AFTER = """
SELECT {columns} FROM (
    SELECT entry_id, position, size, SUM(size) OVER (ORDER BY position) AS total FROM (
        SELECT entry_id, position, size FROM events_position
        WHERE partition = %s AND position > %s ORDER BY position LIMIT %s
    ) AS upcoming
) AS place JOIN events_log AS log ON log.id = place.entry_id
WHERE total <= %s OR total = size
ORDER BY position
"""
EVENT_AT = """
SELECT log.event_id FROM events_position AS place JOIN events_log AS log ON log.id = place.entry_id
WHERE place.partition = %s AND place.position = %s
"""
READ_BEHIND = READ_AFTER.replace("{columns}", f"{{columns}}, ({EVENT_AT.strip()})", 1)
READ_EVENT = """
SELECT {columns} FROM events_log AS log LEFT JOIN events_position AS place ON place.entry_id = log.id
WHERE log.event_id = %s
"""
# With an upper bound the planner takes the index, also without statistics. The sum alone takes a third of the time.
SIZE_OF_NEXT = """
SELECT COUNT(*), MAX(position), SUM(size) FROM events_position
WHERE partition = %s AND position > %s AND position <= %s
"""
FITTING = """
SELECT COUNT(*), MAX(position) FROM (
    SELECT position, SUM(size) OVER (ORDER BY position) AS total FROM events_position
    WHERE partition = %s AND position > %s AND position <= %s
) AS sized
WHERE total <= %s
"""
ENVELOPE_COLUMNS = {
    "event_id": "id",
    "type": "type",
    "schema_version": "schema_version",
    "source": "source",
    "subject": "subject",
    "aggregate_version": "aggregate_version",
    "time": "time",
    "data": "data",
    "correlation_id": "correlation_id",
    "causation_id": "causation_id",
    "actor": "actor",
    "traceparent": "traceparent",
    "extensions": "extensions",
    "place__position": "position",
}
"""The columns as Django's queries name them, with the envelope's attributes."""
SELECTED = ", ".join(f"log.{column}".replace("log.place__", "place.") for column in ENVELOPE_COLUMNS)
"""The same columns of `events_log AS log` and `events_position AS place`."""


def read_after(partition: int, position: int, *, limit: int = BATCH_ROWS) -> list[Envelope]:
    """Return the next events above the position, in order: up to `limit` or 1 MB, but at least one if there is any."""
    with connection().cursor() as cursor:
        cursor.execute(READ_AFTER.format(columns=SELECTED), [partition, position, limit, BATCH_BYTES])
        return envelopes_of(cursor.fetchall())


def read_behind(partition: int, position: int, *, end: int) -> tuple[list[Envelope], str]:
    """Return what read_after does, and the id of the event at the position `end`, "" if the log has none there.

    Both are of one moment: if the log is restored meanwhile, no event of one log follows an event of the other.
    """
    with connection().cursor() as cursor:
        place = [partition, end, partition, position, BATCH_ROWS, BATCH_BYTES]
        cursor.execute(READ_BEHIND.format(columns=SELECTED), place)
        rows = cursor.fetchall()
    at_end = rows[0][-1] if rows else None
    return envelopes_of(row[:-1] for row in rows), str(UUID(str(at_end))) if at_end else ""


def count_fitting(partition: int, position: int, *, limit: int) -> int:
    """Return how many of the next positions, up to `limit`, have 1 MB at most; 0 if one of them was compacted away."""
    place = [partition, position, position + limit]
    with connection().cursor() as cursor:  # Raw SQL, since each batch asks for it.
        cursor.execute(SIZE_OF_NEXT, place)
        count, last, size = cursor.fetchone()
        if count and size > BATCH_BYTES:
            cursor.execute(FITTING, [*place, BATCH_BYTES])
            count, last = cursor.fetchone()
    return count if count and last == position + count else 0


def read_event(event_id: UUID) -> Envelope:
    """Return the event; raise LogEntry.DoesNotExist if compaction has deleted it."""
    with connection().cursor() as cursor:
        cursor.execute(READ_EVENT.format(columns=SELECTED), [event_id.hex])
        row = cursor.fetchone()
    if row is None:
        raise LogEntry.DoesNotExist(f"the log has no event {event_id}")
    return _reader()(row)


def events_of(aggregate_type: str, subject: str) -> list[Envelope]:
    """Return the events of an aggregate that compaction has left, the oldest first."""
    entries = LogEntry.objects.filter(aggregate_type=aggregate_type, subject=subject)
    return envelopes_of(entries.order_by("aggregate_version").values_list(*ENVELOPE_COLUMNS))


def envelopes_of(rows: Iterable[Row]) -> list[Envelope]:
    """Convert rows with ENVELOPE_COLUMNS to envelopes."""
    return list(map(_reader(), rows))


def _reader() -> Callable[[Row], Envelope]:
    """Return the function that converts a row of this database to an envelope."""
    return _read_row_of_sqlite if connection().vendor == "sqlite" else _read_row


def _read_row(row: Row) -> Envelope:
    fields = dict(zip(ENVELOPE_COLUMNS.values(), row, strict=True))
    if fields["extensions"]:
        fields["extensions"] = msgspec.json.decode(fields["extensions"])
    return Envelope(**fields)


def _read_row_of_sqlite(row: Row) -> Envelope:
    """Convert a row; SQLite has neither UUIDs nor time zones."""
    envelope = _read_row(row)
    return msgspec.structs.replace(envelope, id=UUID(row[0]), time=envelope.time.replace(tzinfo=UTC))


def last_position(partition: int) -> int:
    """Return the highest position given in the partition, 0 before the first."""
    return Partition.objects.values_list("last_position", flat=True).get(number=partition)


def last_positions(partitions: Collection[int]) -> dict[int, int]:
    """Return the highest position of each; raise Partition.DoesNotExist if a restored log has fewer partitions."""
    rows = Partition.objects.filter(number__in=list(partitions)).values_list("number", "last_position")
    found = dict(rows) if partitions else {}
    if missing := set(partitions) - found.keys():
        raise Partition.DoesNotExist(f"the log has no partitions {sorted(missing)}")
    return found


def generation(partition: int) -> int:
    """Return the partition's generation: events that were read under another one may have been redacted since."""
    return Partition.objects.values_list("generation", flat=True).get(number=partition)


def count_waiting(partition: int) -> tuple[int, int]:
    """Return the number of committed rows without a position, and the id of the newest, 0 if there is none."""
    waiting = waiting_in(partition, partition_count())
    found = waiting.aggregate(rows=Count("entry_id"), newest=Max("entry_id", default=0))
    return found["rows"], found["newest"]


def is_waiting(partition: int, *, up_to: int) -> bool:
    """Tell whether a row up to this id has no position yet."""
    return waiting_in(partition, partition_count()).filter(entry_id__lte=up_to).exists()


def knows(partition: int, position: int, event_id: str) -> bool:
    """Tell whether the log has this event at the position, or may have had it there before a compaction."""
    with connection().cursor() as cursor:  # Raw SQL, since each batch asks for it.
        cursor.execute(EVENT_AT, [partition, position])
        row = cursor.fetchone()
    if row:
        return str(UUID(str(row[0]))) == event_id
    # Read after the row: a compaction that deleted the row has moved `compacted_to` in the same transaction.
    return position <= Partition.objects.values_list("compacted_to", flat=True).get(number=partition)
