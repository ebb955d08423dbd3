"""Measure how far a searched index is behind the log."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from events.exceptions import RetryLater
from events.groups import checkpoint
from events.models import Partition, Position, WaitingEntry
from readmodel.conf import GROUP
from readmodel.index.document_index import shared_index
from readmodel.projection import Projection


def seconds_behind(projection: type[Projection]) -> float | None:
    """Return the age of the oldest event that the projection's searched index lacks, 0 if it lacks none.

    Return None if Elasticsearch does not answer or has no index.
    """
    try:
        searched = shared_index(projection).indices.searched()
    except RetryLater:
        return None
    return lag_seconds(searched.uuid) if searched else None


def lag_seconds(target: str) -> float:
    """Return the age of the oldest event that the index has not handled, including events without a position."""
    reached = checkpoint.positions(GROUP, target)
    unhandled = [
        _time_after(number, reached.get(number, 0))
        for number, last in Partition.objects.values_list("number", "last_position")
        if reached.get(number, 0) < last
    ]
    waiting = WaitingEntry.objects.order_by("entry_id")
    return _age_of_oldest([*unhandled, waiting.values_list("entry__time", flat=True).first()])


def _time_after(partition: int, position: int) -> datetime | None:
    later = Position.objects.filter(partition=partition, position__gt=position).order_by("position")
    return later.values_list("entry__time", flat=True).first()


def _age_of_oldest(times: Iterable[datetime | None]) -> float:
    now = timezone.now()
    return max((max((now - time).total_seconds(), 0.0) for time in times if time), default=0.0)
