"""What the log, the stream and the groups are at, counted from the log so that it can't lie."""

import msgspec
from django.db.models import Count
from django.utils import timezone

from events.conf import conf
from events.exceptions import StreamUnavailable
from events.models import Checkpoint, DeadLetter, LogEntry, Partition
from events.stream import Stream


class GroupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer group in one partition; `lag` counts the positions that it has not handled yet."""

    group: str
    target: str
    checkpoint: int
    lag: int
    lag_seconds: float
    """Age of the event that is to be handled next, 0 without lag."""
    pending: int | None
    """Entries that were read and not acknowledged; None if Redis does not answer."""
    dead_letters: int


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A partition: the log's last position, the rows that wait for one, and the window that the stream has."""

    partition: int
    last_position: int
    without_position: int
    stream: str
    stream_position: int | None
    stream_length: int | None
    stream_error: str
    divergence: str
    """How the stream was found to have diverged from the log, "" if it has not."""
    groups: list[GroupStatus]


def status(stream: Stream) -> list[PartitionStatus]:
    """Return the state of every partition; Redis may be down."""
    waiting = LogEntry.objects.filter(position=None).values("partition").annotate(rows=Count("id"))
    counts = dict(waiting.values_list("partition", "rows"))
    return [
        _status(stream, partition, counts.get(partition.number, 0))
        for partition in Partition.objects.order_by("number")
    ]


def _status(stream: Stream, partition: Partition, without_position: int) -> PartitionStatus:
    number, tail, length, error = partition.number, None, None, ""
    try:
        tail, length = stream.tail(number).position, stream.length(number)
    except StreamUnavailable as unavailable:
        error = str(unavailable)
    return PartitionStatus(
        partition=number,
        last_position=partition.last_position,
        without_position=without_position,
        stream=stream.key(number),
        stream_position=tail,
        stream_length=length,
        stream_error=error,
        divergence=partition.divergence,
        groups=[
            _group_status(stream, partition, checkpoint, reachable=not error) for checkpoint in _checkpoints(number)
        ],
    )


def _checkpoints(partition: int) -> list[Checkpoint]:
    """Return the checkpoints of the partition, and one at 0 for each declared group that never ran."""
    found = list(Checkpoint.objects.filter(partition=partition).order_by("group", "target"))
    missing = sorted(conf.subscribers.keys() - {checkpoint.group for checkpoint in found})
    return found + [Checkpoint(group=group, partition=partition) for group in missing]


def _group_status(stream: Stream, partition: Partition, checkpoint: Checkpoint, *, reachable: bool) -> GroupStatus:
    # The next one, not the oldest of all: to look at all is slow just when a group is far behind.
    unhandled = LogEntry.objects.filter(partition=partition.number, position__gt=checkpoint.position)
    since = unhandled.order_by("position").values_list("time", flat=True).first()
    return GroupStatus(
        group=checkpoint.group,
        target=checkpoint.target,
        checkpoint=checkpoint.position,
        lag=partition.last_position - checkpoint.position,
        lag_seconds=(timezone.now() - since).total_seconds() if since else 0.0,
        pending=stream.pending(partition.number, checkpoint.group) if reachable else None,
        dead_letters=DeadLetter.objects.filter(
            group=checkpoint.group, target=checkpoint.target, partition=partition.number
        ).count(),
    )
