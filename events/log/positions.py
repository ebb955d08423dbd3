"""Give committed rows their positions: the next numbers of the partition, in the order of the rows' ids.

The partition's row is the lock. On PostgreSQL a function (migration 0007) locks it and numbers the rows, and the lock
is released when this one statement ends in the server: a client that is stopped or killed meanwhile blocks nobody. The
function returns a single row, since further rows that nobody fetches would keep the statement open. SQLite has only one
writer anyway.
"""

from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from events.models import LogEntry, Partition

BATCH_ROWS = 500
GIVE_BY_FUNCTION = "SELECT first, event_ids, event_before, current_generation FROM events_give_positions(%s, %s)"
GIVE_POSITIONS = """
UPDATE events_log SET position = %s + waiting.rank
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS rank
    FROM (
        SELECT id FROM events_log WHERE partition = %s AND position IS NULL ORDER BY id LIMIT %s
    ) AS oldest
) AS waiting
WHERE events_log.id = waiting.id
RETURNING position, event_id
"""


class GivenPositions(NamedTuple):
    """The positions that were given, if any, with what a flush needs to append the events that got them.

    `event_before` is the event before the first one, "" for none.
    """

    positions: range
    event_ids: list[UUID]
    event_before: str
    generation: int


NONE_GIVEN = GivenPositions(range(0), [], "", 0)


def give_positions(partition: int, *, wait: bool = True) -> GivenPositions:
    """Number the oldest committed rows that have no position, at most 500.

    Give none while the stream has diverged: the log was restored, and may have given these positions before. With
    wait=False, give none while another process holds the lock.
    """
    if connection.vendor == "postgresql":
        return _give_by_function(partition, wait=wait)
    return _give_by_statements(partition)


def _give_by_function(partition: int, *, wait: bool) -> GivenPositions:
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BY_FUNCTION, [partition, wait])
        first, event_ids, event_before, generation = cursor.fetchone()
    if not event_ids:
        return NONE_GIVEN
    return GivenPositions(range(first, first + len(event_ids)), event_ids, str(event_before or ""), generation)


def _give_by_statements(partition: int) -> GivenPositions:
    with transaction.atomic(), connection.cursor() as cursor:
        found = Partition.objects.get(number=partition)
        if found.divergence:
            return NONE_GIVEN
        last = found.last_position
        cursor.execute(GIVE_POSITIONS, [last, partition, BATCH_ROWS])
        event_ids = [UUID(event_id) for _, event_id in sorted(cursor.fetchall())]
        if not event_ids:
            return NONE_GIVEN
        given = range(last + 1, last + 1 + len(event_ids))
        Partition.objects.filter(number=partition).update(last_position=given[-1])
        before = LogEntry.objects.filter(partition=partition, position=last).values_list("event_id", flat=True)
        return GivenPositions(given, event_ids, str(before.first() or ""), found.generation)
