"""The partition of an aggregate's events. The database stores the number of partitions."""

from functools import cache
from typing import Any
from zlib import crc32

from django.db import router

from events.conf import conf
from events.database import alias
from events.exceptions import PartitionsMissing
from events.models import Partition


def create_partitions(*, using: str, **_: Any) -> None:
    """Create the partitions after the first migration of EVENTS_DATABASE; their number never changes later."""
    if using != alias() or not router.allow_migrate_model(using, Partition):
        return
    if not Partition.objects.exists():
        Partition.objects.bulk_create(Partition(number=number) for number in range(conf.partitions))


def all_partitions() -> list[Partition]:
    """Return the partitions by number; raise PartitionsMissing while `migrate` has not created them yet."""
    found = list(Partition.objects.order_by("number"))
    if not found:
        raise PartitionsMissing
    return found


@cache
def partition_count() -> int:
    """Return the number of partitions, cached, since it never changes; raise PartitionsMissing, which is not cached."""
    return len(all_partitions())


def partition_of(subject: str) -> int:
    """Return the partition of the aggregate with this id, which keeps all its events in order."""
    return crc32(subject.encode()) % partition_count()
