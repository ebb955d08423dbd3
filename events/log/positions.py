"""Give committed rows their positions: the next numbers of the partition, in the order of the rows' ids.

A row gets its position in the partition of its hash, among as many as there are under the lock: whoever recorded it may
have known fewer. The partition's row is the lock. On PostgreSQL a function (migration 0015) locks it and numbers the
rows, and the lock is released when this one statement ends in the server: a client that is stopped or killed meanwhile
blocks nobody. The function returns a single row, since further rows that nobody fetches would keep the statement open.
SQLite has only one writer anyway.
"""

import logging
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Func, IntegerField

from events.database import atomic, connection
from events.log.partitions import notice_count
from events.log.waiting import waiting_in
from events.measuring.catalogue import FLUSHED
from events.models import Partition, Position
from events.stages import note

logger = logging.getLogger(__name__)

BATCH_ROWS = 500
GIVE_BY_FUNCTION = """
SELECT first, event_ids, event_before, current_generation, partitions FROM events_give_positions(%s, %s)
"""
SIZE = Func(F("entry__data"), template="LENGTH(CAST(%(expressions)s AS BLOB))", output_field=IntegerField())


class GivenPositions(NamedTuple):
    """The positions that were given, if any, with what a flush needs to append the events that got them.

    `event_before` is the event before the first one, "" for none.
    """

    positions: range
    event_ids: list[UUID]
    event_before: str
    generation: int
    partitions: int
    """The number of partitions."""


NONE_GIVEN = GivenPositions(range(0), [], "", 0, 0)


def give_positions(partition: int, *, wait: bool = True) -> GivenPositions:
    """Number the oldest committed rows that have no position, at most 500.

    Give none while the stream has diverged: the log was restored, and may have given these positions before. With
    wait=False, give none while another process holds the lock. This process knows of new partitions afterwards.
    """
    by_function = connection().vendor == "postgresql"
    given = _give_by_function(partition, wait=wait) if by_function else _give_by_statements(partition)
    notice_count(given.partitions)
    if given.positions:
        where = {"partition": partition, "first_position": given.positions[0], "last_position": given.positions[-1]}
        note(logger, "flushed", given.event_ids, **where)
    FLUSHED.add(len(given.positions))
    return given


def _give_by_function(partition: int, *, wait: bool) -> GivenPositions:
    with connection().cursor() as cursor:
        cursor.execute(GIVE_BY_FUNCTION, [partition, wait])
        first, event_ids, event_before, generation, count = cursor.fetchone()
    if not event_ids:
        return NONE_GIVEN._replace(partitions=count)
    return GivenPositions(range(first, first + len(event_ids)), event_ids, str(event_before or ""), generation, count)


def _give_by_statements(partition: int) -> GivenPositions:
    with atomic():
        partitions = {row.number: row for row in Partition.objects.all()}
        count, found = len(partitions), partitions.get(partition)
        if found is None or found.divergence:
            return NONE_GIVEN._replace(partitions=count)
        last = found.last_position
        waiting = waiting_in(partition, count).order_by("entry_id")
        entries = waiting.values_list("entry_id", "entry__event_id", SIZE)[:BATCH_ROWS]
        if not entries:
            return NONE_GIVEN._replace(partitions=count)
        entry_ids, event_ids, sizes = map(list, zip(*entries, strict=True))
        given = range(last + 1, last + 1 + len(entry_ids))
        Position.objects.bulk_create(
            Position(entry_id=entry_id, partition=partition, position=position, size=size)
            for entry_id, position, size in zip(entry_ids, given, sizes, strict=True)
        )
        waiting.filter(entry_id__lte=entry_ids[-1]).delete()
        Partition.objects.filter(number=partition).update(last_position=given[-1])
        before = Position.objects.filter(partition=partition, position=last).values_list("entry__event_id", flat=True)
        return GivenPositions(given, event_ids, str(before.first() or ""), found.generation, count)
