"""Compact the log: drop events that newer events of the same aggregate have replaced.

An event is dropped once it and its replacement are older than the given age and handled by every declared group. So the
log still tells the state of each aggregate now, and at any moment since then.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import OuterRef, Q, QuerySet, Subquery

from events.conf import conf
from events.database import alias, atomic, connection
from events.exceptions import CheckpointMissing
from events.groups import checkpoint
from events.log.partitions import all_partitions, ancestors_of, origin_of, origins_of
from events.models import DeadLetter, LogEntry, Partition, Position

STEP_ROWS = 500
DROP = """
WITH dropped AS (DELETE FROM events_log WHERE id IN ({replaced}) RETURNING id),
    without_entry AS (DELETE FROM events_position WHERE entry_id IN (SELECT id FROM dropped))
UPDATE events_partition SET compacted_to = GREATEST(compacted_to, %s) WHERE number = %s
RETURNING (SELECT COUNT(*) FROM dropped)
"""


class Floor(NamedTuple):
    """The position up to which a partition may be compacted, and the group and target whose checkpoint that is."""

    position: int
    held_by: str


class CompactionStep(NamedTuple):
    """A committed step: everything up to `compacted_to` is compacted."""

    compacted_to: int
    dropped: int


class _Replacement(NamedTuple):
    """An event, and the id of the row that it replaces: the same aggregate's event before it, if the log has one."""

    position: int
    time: datetime
    replaced_id: int | None


def floor_of(partition: int) -> Floor:
    """Return the lowest checkpoint of the declared groups; raise CheckpointMissing if one of them has none.

    It is 0 until the partitions that have earlier events of its aggregates are compacted: what is dropped there must
    not look like a gap.
    """
    if (earlier := _uncompacted_origin(partition)) is not None:
        return Floor(0, f"partition {earlier}, which is compacted first")
    checkpoints = [found for found in checkpoint.of_partition(partition) if found.group in conf.subscribers]
    missing = ", ".join(sorted(conf.subscribers.keys() - {found.group for found in checkpoints}))
    if missing:
        raise CheckpointMissing(f"{missing} in partition {partition}: {CheckpointMissing.__doc__}")
    if not checkpoints:
        return Floor(Partition.objects.get(number=partition).last_position, "")
    lowest = min(checkpoints, key=attrgetter("position"))
    return Floor(lowest.position, f"{lowest.group} {lowest.target}".strip())


def _uncompacted_origin(partition: int) -> int | None:
    known = {found.number: found for found in all_partitions()}
    origins = origins_of(partition, [origin_of(known[number]) for number in sorted(known)])
    behind = (origin.parent for origin in origins if known[origin.parent].compacted_to < origin.position)
    return next(behind, None)


def compact(partition: int, *, before: datetime, dry_run: bool) -> Iterator[CompactionStep]:
    """Continue where the last compaction ended, in short transactions; any number of processes may do so at once.

    It starts from the replacing events, so its cost depends on what is new and not on what the log keeps.
    """
    compacted_to = Partition.objects.get(number=partition).compacted_to
    while replacements := _next_replacements(partition, compacted_to, before):
        compacted_to = replacements[-1].position
        replaced = _replaced_by(partition, replacements)
        yield CompactionStep(compacted_to, replaced.count() if dry_run else _drop(partition, compacted_to, replaced))


def _next_replacements(partition: int, after: int, before: datetime) -> list[_Replacement]:
    previous = LogEntry.objects.filter(
        aggregate_type=OuterRef("entry__aggregate_type"),
        subject=OuterRef("entry__subject"),
        aggregate_version__lt=OuterRef("entry__aggregate_version"),
    ).order_by("-aggregate_version")
    # Read the floor each time: a new target, which may appear meanwhile, is fed from the start.
    rows = (
        Position.objects.filter(partition=partition, position__gt=after, position__lte=floor_of(partition).position)
        .order_by("position")
        .values_list("position", "entry__time", Subquery(previous.values("id")[:1]))[:STEP_ROWS]
    )
    return list(takewhile(lambda row: row.time < before, (_Replacement(*row) for row in rows)))


def _replaced_by(partition: int, replacements: list[_Replacement]) -> QuerySet[LogEntry]:
    """Return the replaced rows, except those of open dead letters, which may be retried."""
    ids = [replacement.replaced_id for replacement in replacements if replacement.replaced_id]
    is_before = Q(place__partition=partition, place__position__lt=replacements[-1].position)
    is_before |= Q(place__partition__in=ancestors_of(partition))
    handled = LogEntry.objects.filter(is_before, id__in=ids)
    open_letters = DeadLetter.objects.filter(state__in=DeadLetter.OPEN, event_id__isnull=False)
    return handled.exclude(event_id__in=open_letters.values("event_id"))


def _drop(partition: int, compacted_to: int, replaced: QuerySet[LogEntry]) -> int:
    """Drop the rows and note it in one transaction, or a missing position would look like a gap."""
    if connection().vendor == "postgresql":
        # One statement: its lock on the partition, for which flushes wait, does not depend on this process.
        ids, parameters = _sql_of(replaced.values("id"))
        with connection().cursor() as cursor:
            cursor.execute(DROP.format(replaced=ids), [*parameters, compacted_to, partition])
            return int(cursor.fetchone()[0])
    with atomic():
        _, dropped = replaced.delete()
        behind = Partition.objects.filter(number=partition, compacted_to__lt=compacted_to)
        behind.update(compacted_to=compacted_to)
    return dropped.get(LogEntry._meta.label, 0)


def _sql_of(ids: QuerySet[LogEntry, Any]) -> tuple[str, tuple[Any, ...]]:
    try:
        sql, parameters = ids.query.get_compiler(using=alias()).as_sql()
    except EmptyResultSet:
        return "NULL", ()
    return sql, parameters
