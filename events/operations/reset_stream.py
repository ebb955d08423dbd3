"""Make a diverged stream a window on the log again: first say what that will do, then do it.

The stream is deleted, and the relay fills it from the log. If it had events that the log has not, the log was restored
from a backup: then those who have handled them know of a future that is lost, in which positions and versions were
given that are given anew now. They forget all, and are fed from the start of the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from operator import attrgetter

import msgspec
from django.db import transaction

from events.conf import conf
from events.envelope import Envelope
from events.exceptions import Diverged
from events.groups import checkpoint
from events.log.partitions import partition_count
from events.models import LogEntry, Partition
from events.relay.divergence import expect_own
from events.stream.interface import Entry, Stream
from events.stream.tail import NO_STREAM
from events.subscriber import Subscriber, load_subscriber

SCANNED_ENTRIES = 500


class PartitionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is deleted in a partition, and what the relay sends again."""

    partition: int
    key: str
    divergence: str
    entries: int | None
    """None if the key holds no stream."""
    lost_events: int
    """Events of the stream, at its end, that the log has not."""
    log_position: int
    sent_again: int


class GroupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where a group goes on in a partition."""

    group: str
    partition: int
    checkpoint: int
    forgets: bool
    """What it has written is given up, and written anew."""


class ResetPlan(msgspec.Struct, frozen=True, kw_only=True):
    log_was_restored: bool
    partitions: list[PartitionPlan]
    groups: list[GroupPlan]


def plan_reset(stream: Stream, *, log_was_restored: bool) -> ResetPlan:
    """Look at everything, and say what a reset would do to the diverged partitions, or to all; raise StreamUnavailable.

    To all if none has diverged, and if the log was restored: it has all partitions.
    """
    for number in range(partition_count()):
        with suppress(Diverged):
            expect_own(stream, number, stream.tail(number))
    partitions = {partition: _plan_partition(stream, partition) for partition in Partition.objects.order_by("number")}
    restored = log_was_restored or any(
        partition.has_lost_events or plan.lost_events for partition, plan in partitions.items()
    )
    if not restored and any(partition.divergence for partition in partitions):
        partitions = {partition: plan for partition, plan in partitions.items() if partition.divergence}
    return ResetPlan(
        log_was_restored=restored,
        partitions=list(partitions.values()),
        groups=[plan for partition in partitions for plan in _plan_groups(partition, restored=restored)],
    )


def execute_reset(stream: Stream, plan: ResetPlan) -> None:
    """Do it; repeated, it ends the same. Raise StreamUnavailable or RetryLater, and leave the stream diverged then."""
    numbers = [partition.partition for partition in plan.partitions]
    if plan.log_was_restored:
        # Kept before anything is deleted that tells so: a reset that is killed is repeated.
        Partition.objects.filter(divergence="").update(divergence="the log was restored, and the reset has not ended")
        Partition.objects.update(has_lost_events=True)
    # Before the stream: a consumer that finds its group gone opens its target, which had better be the new one.
    targets = {group: _forget(group) for group in {plan.group for plan in plan.groups if plan.forgets}}
    for number in numbers:
        stream.delete(number)
    for position in plan.groups:
        stream.create_group(position.partition, position.group, after=position.checkpoint)
    _settle(numbers, targets)


@transaction.atomic
def _settle(numbers: Sequence[int], targets: Mapping[str, Sequence[str]]) -> None:
    for group, kept in targets.items():
        # Last: until it found its target gone, a running consumer has made checkpoints of the old one.
        checkpoint.forget_all_but(group, kept)
    for partition in Partition.objects.filter(number__in=numbers):
        checkpoint.move_back_to(partition.number, partition.last_position)
    Partition.objects.filter(number__in=numbers).update(divergence="", has_lost_events=False)


def _forget(group: str) -> list[str]:
    """Return the identities of the targets that the group has from now on."""
    with closing(load_subscriber(group)) as subscriber:
        subscriber.forget()
        return [subscriber.open(), *(further.open() for further in subscriber.further_targets())]


def _plan_partition(stream: Stream, partition: Partition) -> PartitionPlan:
    is_stream = stream.tail(partition.number) != NO_STREAM
    window = LogEntry.objects.filter(
        partition=partition.number, position__gt=partition.last_position - conf.stream_max_length
    )
    return PartitionPlan(
        partition=partition.number,
        key=stream.key(partition.number),
        divergence=partition.divergence,
        entries=stream.length(partition.number) if is_stream else None,
        lost_events=_count_lost_events(stream, partition.number) if is_stream else 0,
        log_position=partition.last_position,
        sent_again=window.count(),
    )


def _count_lost_events(stream: Stream, partition: int) -> int:
    """Count the events at the stream's end that the log has not, back to the first that it has."""
    lost = 0
    for entries in _batches_from_the_end(stream, partition):
        envelopes = [entry.envelope for entry in entries if entry.envelope]
        unknown = _count_unknown(partition, envelopes)
        lost += unknown
        if unknown < len(envelopes):
            break
    return lost


def _count_unknown(partition: int, envelopes: Sequence[Envelope]) -> int:
    rows = LogEntry.objects.filter(partition=partition, event_id__in=[envelope.id for envelope in envelopes])
    known = set(rows.values_list("position", "event_id"))
    compacted_to = Partition.objects.values_list("compacted_to", flat=True).get(number=partition)
    places = [(envelope.position or 0, envelope.id) for envelope in envelopes]
    return sum(place not in known and place[0] > compacted_to for place in places)


def _batches_from_the_end(stream: Stream, partition: int) -> Iterator[list[Entry]]:
    before = ""
    while entries := stream.last_entries(partition, count=SCANNED_ENTRIES, before=before):
        yield entries
        before = entries[0].id


def _plan_groups(partition: Partition, *, restored: bool) -> list[GroupPlan]:
    # The lowest of a group's targets: the others pass over what they read again.
    from_highest = sorted(checkpoint.of_partition(partition.number), key=attrgetter("position"), reverse=True)
    checkpoints = dict.fromkeys(conf.subscribers, 0) | {found.group: found.position for found in from_highest}
    return [
        GroupPlan(
            group=group,
            partition=partition.number,
            forgets=(forgets := restored and _can_forget(group)),
            checkpoint=0 if forgets else min(checkpoints[group], partition.last_position),
        )
        for group in sorted(checkpoints)
    ]


def _can_forget(group: str) -> bool:
    if group not in conf.subscribers:
        return False
    return type(load_subscriber(group)).forget is not Subscriber.forget
