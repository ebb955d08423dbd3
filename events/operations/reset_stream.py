"""Reset the streams of all partitions: first plan it, then execute the plan.

The streams are deleted, and the relay fills them from the log. If they had events of ours that are not in the log, the
log was restored from a backup: groups may have handled events that are lost, whose positions and versions will be given
again. Their targets are emptied, and fed from the start of the log. A new generation keeps the old entries from ever
being believed again.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from operator import attrgetter

import msgspec
from django.db.models import F, Value
from django.db.models.functions import Greatest

from events.conf import conf
from events.database import atomic
from events.envelope import Envelope
from events.exceptions import Diverged, EventError
from events.groups import checkpoint
from events.groups.ownership import take_from_owner
from events.log.partitions import all_partitions, locked_partitions
from events.models import Partition, Position
from events.relay import signing_keys
from events.relay.divergence import expect_no_lost_event, is_own
from events.stream.interface import Entry, Stream
from events.stream.tail import NO_STREAM
from events.subscriber import Subscriber, load_subscriber

SCANNED_ENTRIES = 500


class ResetRefused(EventError):
    """The plan does not fit the log any more."""


class PartitionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The entries that are deleted in a partition, and how many events the relay sends again."""

    partition: int
    key: str
    divergence: str
    entries: int | None
    """None if the key does not hold a stream."""
    lost_events: int
    """The number of events at the stream's end that are not in the log."""
    log_position: int
    sent_again: int


class GroupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The place at which a group continues in a partition."""

    group: str
    partition: int
    checkpoint: int
    forgets: bool
    """Whether what it has written is discarded, and written again."""


class ResetPlan(msgspec.Struct, frozen=True, kw_only=True):
    log_was_restored: bool
    partitions: list[PartitionPlan]
    groups: list[GroupPlan]


def plan_reset(stream: Stream, *, log_was_restored: bool) -> ResetPlan:
    """Plan to reset all partitions, since a restore affects all; raise StreamUnavailable or PartitionsMissing."""
    for partition in all_partitions():
        with suppress(Diverged):
            if not is_own(partition.number, stream.tail(partition.number)):
                expect_no_lost_event(stream, partition.number)
    partitions = {partition: _plan_partition(stream, partition) for partition in all_partitions()}
    restored = log_was_restored or any(
        partition.divergence or plan.lost_events for partition, plan in partitions.items()
    )
    return ResetPlan(
        log_was_restored=restored,
        partitions=list(partitions.values()),
        groups=[plan for partition in partitions for plan in _plan_groups(partition, restored=restored)],
    )


def execute_reset(stream: Stream, plan: ResetPlan) -> None:
    """Reset the stream; safe to repeat. Raise StreamUnavailable or RetryLater, and leave the stream diverged then.

    Raise ResetRefused, and change nothing, if the log was repartitioned since the plan was made.
    """
    numbers = [partition.partition for partition in plan.partitions]
    _begin(plan, numbers)
    # Before the stream is deleted: a consumer that finds its group gone opens its target, which must be the new one.
    targets = {group: _forget(group) for group in {plan.group for plan in plan.groups if plan.forgets}}
    signing_keys.accept()
    _begin_generation(numbers)
    for number in numbers:
        stream.delete(number)
    for position in plan.groups:
        stream.create_group(position.partition, position.group, after=position.checkpoint)
    _settle(numbers, targets)


@atomic()
def _begin(plan: ResetPlan, numbers: Sequence[int]) -> None:
    """Store that the reset is not finished before the evidence is deleted: one that is killed must be repeated.

    From then on the log is not repartitioned. Partitions that were new by now would stay diverged for ever.
    """
    locked_partitions()
    if Partition.objects.count() != len(numbers):  # After the locks: who held them may have added some.
        raise ResetRefused("the log was repartitioned meanwhile: run this again")
    if plan.log_was_restored:
        Partition.objects.filter(divergence="").update(divergence="the log was restored, and its reset is not finished")


def _settle(numbers: Sequence[int], targets: Mapping[str, Sequence[str]]) -> None:
    for partition in Partition.objects.filter(number__in=numbers):
        _move_back(partition)
    with atomic():
        for group, kept in targets.items():
            # Last: a running consumer makes checkpoints of its old target until it finds that target gone.
            checkpoint.forget_all_but(group, kept)
        Partition.objects.filter(number__in=numbers).update(divergence="")


def _begin_generation(numbers: Sequence[int]) -> None:
    """Raise the generation to the time: a restored database may not know how high it was."""
    now = Value(int(time.time()))
    Partition.objects.filter(number__in=numbers).update(generation=Greatest(F("generation") + 1, now), signed_from=0)


@atomic()
def _move_back(partition: Partition) -> None:
    """Take the partition from its owners: a batch in flight, with events that are lost, must not move a checkpoint.

    Each partition has its own transaction, as in reset_group.
    """
    for group in sorted(checkpoint.groups_of(partition.number)):
        take_from_owner(group, partition.number)
    checkpoint.move_back_to(partition.number, partition.last_position)


def _forget(group: str) -> list[str]:
    """Let the group discard its targets; return the identities of its new ones."""
    with closing(load_subscriber(group)) as subscriber:
        subscriber.forget()
        return [subscriber.open(), *(further.open() for further in subscriber.further_targets())]


def _plan_partition(stream: Stream, partition: Partition) -> PartitionPlan:
    is_stream = stream.tail(partition.number) != NO_STREAM
    window = Position.objects.filter(
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
    """Count the events at the stream's end that are not in the log, back to the first batch that is."""
    lost = 0
    for entries in _batches_from_the_end(stream, partition):
        envelopes = [entry.envelope for entry in entries if entry.envelope]
        unknown = _count_unknown(partition, envelopes)
        lost += unknown
        if unknown < len(envelopes):
            break
    return lost


def _count_unknown(partition: int, envelopes: Sequence[Envelope]) -> int:
    rows = Position.objects.filter(partition=partition, entry__event_id__in=[envelope.id for envelope in envelopes])
    known = set(rows.values_list("position", "entry__event_id"))
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
