"""Read the log, and give its rows their positions."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction

from events.envelope import Envelope
from events.models import LogEntry, Partition

BATCH_ROWS = 500
BATCH_BYTES = 1_000_000
GIVE_POSITIONS = """
UPDATE events_log SET position = %s + waiting.rank
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS rank
    FROM (
        SELECT id FROM events_log WHERE partition = %s AND position IS NULL ORDER BY id LIMIT %s
    ) AS oldest
) AS waiting
WHERE events_log.id = waiting.id
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
    "position": "position",
}


class Tail(NamedTuple):
    """The last entry of a stream, or the one that is expected there; the event is "" where it is not known."""

    position: int
    event_id: str


EMPTY = Tail(0, "")


def give_positions(partition: int, *, wait: bool = True) -> range:
    """Number the oldest committed rows that have no position, 500 at most, and return their positions.

    The partition's row is the lock, held for this alone. Without `wait` nothing is given while another holds it.
    """
    with transaction.atomic():
        locked = Partition.objects.select_for_update(skip_locked=not wait).filter(number=partition)
        last = locked.values_list("last_position", flat=True).first()
        if last is None:
            return range(0)
        with connection.cursor() as cursor:
            # A statement of its own: its snapshot is taken after the lock, so it sees what the last holder gave.
            cursor.execute(GIVE_POSITIONS, [last, partition, BATCH_ROWS])
            given = range(last + 1, last + 1 + cursor.rowcount)
        if given:
            Partition.objects.filter(number=partition).update(last_position=given[-1])
        return given


def read_after(partition: int, position: int, *, limit: int = BATCH_ROWS) -> list[Envelope]:
    """Return the next events above the position, in order: `limit` of them or 1 MB, but always one if there is one."""
    rows = (
        LogEntry.objects.filter(partition=partition, position__gt=position)
        .order_by("position")
        .values_list(*ENVELOPE_COLUMNS, named=False)[:limit]
    )
    envelopes = [Envelope(**dict(zip(ENVELOPE_COLUMNS.values(), row, strict=True))) for row in rows]
    return envelopes[: _count_within_bytes(envelopes)]


def _count_within_bytes(envelopes: Sequence[Envelope]) -> int:
    size = 0
    for count, envelope in enumerate(envelopes):
        size += len(envelope.data)
        if size > BATCH_BYTES:
            return max(count, 1)
    return len(envelopes)


def last_position(partition: int) -> int:
    """Return the highest position that was given in the partition, 0 before the first."""
    return Partition.objects.values_list("last_position", flat=True).get(number=partition)


def tail_before(partition: int, position: int) -> Tail:
    """Return what must stand at the end of the stream before this position is appended."""
    if position == 1:
        return EMPTY
    event_id = LogEntry.objects.filter(partition=partition, position=position - 1).values_list("event_id", flat=True)
    return Tail(position - 1, str(event_id.first() or ""))


def knows(partition: int, tail: Tail) -> bool:
    """Tell whether the stream's last entry is the log's own; below the compacted ones the log no longer knows."""
    state = Partition.objects.get(number=partition)
    if not tail.event_id:
        return tail.position <= state.last_position
    event_id = LogEntry.objects.filter(partition=partition, position=tail.position).values_list("event_id", flat=True)
    known = event_id.first()
    return str(known) == tail.event_id if known else tail.position <= state.compacted_to
