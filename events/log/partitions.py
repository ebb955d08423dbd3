"""The partition of an aggregate's events: the hash of its id modulo the number of partitions.

The database stores the partitions, and what each process knows of them is cached. A process may know too few of them:
who gives positions decides by the hash, whatever partition an event was recorded for (events/log/positions.py).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from django.db import router

from events.conf import conf
from events.database import alias
from events.exceptions import PartitionsMissing
from events.models import Partition


class Origin(NamedTuple):
    """Where the events of a partition's aggregates are that were recorded before it was made, and up to where."""

    parent: int
    position: int


type Layout = Sequence[Origin | None]
"""The origin of each partition; None for those that the log has had from the start."""


def create_partitions(*, using: str, **_: Any) -> None:
    """Create the partitions after the first migration of EVENTS_DATABASE; later only `repartition_events` adds any."""
    if using != alias() or not router.allow_migrate_model(using, Partition):
        return
    if not Partition.objects.exists():
        Partition.objects.bulk_create(Partition(number=number) for number in range(conf.partitions))
    forget_layout()


def all_partitions() -> list[Partition]:
    """Return the partitions by number; raise PartitionsMissing while `migrate` has not created them yet."""
    found = list(Partition.objects.order_by("number"))
    if not found:
        raise PartitionsMissing
    return found


def locked_partitions() -> list[Partition]:
    """Return the partitions, in which nobody gives positions until the transaction ends."""
    return list(Partition.objects.select_for_update().order_by("number"))


@cache
def layout() -> Layout:
    """Return the partitions that this process knows of; raise PartitionsMissing, which is not cached."""
    return [origin_of(partition) for partition in all_partitions()]


def forget_layout() -> None:
    """Read the partitions from the database when they are needed next."""
    layout.cache_clear()


def look_for_partitions() -> None:
    """Read the partitions now: the log may have been repartitioned, or restored from a backup."""
    if list(map(origin_of, all_partitions())) != layout():
        forget_layout()


def notice_count(count: int) -> None:
    """Read the partitions when they are needed next, if this is not the number that this process knows of."""
    if count != partition_count():
        forget_layout()


def origin_of(partition: Partition) -> Origin | None:
    return None if partition.parent is None else Origin(partition.parent, partition.parent_position)


def partition_count() -> int:
    """Return the number of partitions that this process knows of; raise PartitionsMissing."""
    return len(layout())


def slot_of(subject: str) -> int:
    """Return the hash of the aggregate's id."""
    return crc32(subject.encode())


def partition_of(subject: str) -> int:
    """Return the partition of the aggregate with this id, which keeps all its events in order."""
    return slot_of(subject) % partition_count()


def origins_of(partition: int, known: Layout) -> list[Origin]:
    """Return where earlier events of the partition's aggregates are, the latest first."""
    origins: list[Origin] = []
    origin = known[partition]
    while origin:
        origins.append(origin)
        origin = known[origin.parent]
    return origins


def ancestors_of(partition: int) -> list[int]:
    """Return the partitions that have earlier events of this one's aggregates, the latest first."""
    known = layout()
    return [origin.parent for origin in origins_of(partition, known)] if partition < len(known) else []


def descendants_of(partition: int) -> list[int]:
    """Return the partitions that have later events of aggregates of this one."""
    return [number for number in range(partition_count()) if partition in ancestors_of(number)]
