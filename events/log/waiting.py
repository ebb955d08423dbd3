"""The rows that wait for a position, by the partition that will give them one."""

from django.db.models import F, Q, QuerySet
from django.db.models.lookups import Exact

from events.models import WaitingEntry


def waiting_in(partition: int, count: int) -> QuerySet[WaitingEntry]:
    """Return the rows that this one of `count` partitions will take, whatever partition they were recorded for.

    Rows of earlier releases, which do not say what they hash to, are left where they are.
    """
    unhashed = Q(slot=None, partition=partition)
    return WaitingEntry.objects.filter(Q(Exact(F("slot") % count, partition)) | unhashed)
