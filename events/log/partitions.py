"""Which partition an aggregate's events belong to. The database keeps the number of partitions."""

from functools import cache
from typing import Any
from zlib import crc32

from events.conf import conf
from events.models import Partition


def create_partitions(*, using: str, **_: Any) -> None:
    """Create the partitions after the first migration; later their number stays as it is."""
    partitions = Partition.objects.using(using)
    if not partitions.exists():
        partitions.bulk_create(Partition(number=number) for number in range(conf.partitions))


@cache
def partition_count() -> int:
    """Return how many partitions there are; asked once, since it never changes."""
    return Partition.objects.count()


def partition_of(subject: str) -> int:
    """Return the partition of the aggregate with this id: all its events stay in order there."""
    return crc32(subject.encode()) % partition_count()
