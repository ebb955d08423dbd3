"""Give the log more partitions while traffic goes on: first plan it, then execute the plan. See docs/adr/0026.

Each new partition takes a part of the aggregates of one present partition, its parent. The parent's last position then
is the marker: events up to it stay in the parent, later ones of these aggregates get positions in the new partition.
Nobody is given an event of the new partition before all events up to the marker, so each aggregate's order is kept.
"""

import time
from collections.abc import Iterator, Sequence

import msgspec

from events.database import atomic
from events.exceptions import EventError
from events.groups import checkpoint
from events.groups.members import is_seen
from events.log.partitions import all_partitions, forget_layout, locked_partitions, notice_count
from events.models import Checkpoint, Member, Partition
from events.relay.divergence import REMEDY, look
from events.stream.interface import Stream
from events.stream.tail import EMPTY

MOST_PARTITIONS = 1_000
"""Each partition costs a relay and its readers a few calls in each turn."""


class RepartitioningRefused(EventError):
    """The log can't have this number of partitions, or not now."""


class NumberRefused(RepartitioningRefused):
    """The log can never have this number of partitions."""


class RepartitioningPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The number of partitions, before and after."""

    present: int
    wanted: int

    @property
    def is_done(self) -> bool:
        return self.present == self.wanted

    def children_of(self, partition: int) -> list[int]:
        """Return the new partitions that take aggregates of this one."""
        return list(range(partition + self.present, self.wanted, self.present))


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A partition that a group must not begin yet: its target has not come to the parent's marker."""

    group: str
    target: str
    partition: int


def plan_repartitioning(stream: Stream, wanted: int) -> RepartitioningPlan:
    """Plan it; raise RepartitioningRefused, StreamUnavailable or PartitionsMissing, and change nothing."""
    present = len(all_partitions())
    plan = RepartitioningPlan(present=present, wanted=wanted)
    if wanted < present:
        raise NumberRefused(f"the log has {present} partitions, and can't have fewer: their events have places in them")
    if wanted % present:
        raise NumberRefused(f"{wanted} is not a multiple of the present {present} partitions, each of which is split")
    if wanted > MOST_PARTITIONS:
        raise NumberRefused(f"the log can have {MOST_PARTITIONS:,} partitions at most")
    if not plan.is_done:
        _expect_new_release()
        for partition in range(present):
            if found := look(stream, partition):
                raise RepartitioningRefused(f"partition {partition} has diverged: {found}; {REMEDY}")
    return plan


def execute_repartitioning(stream: Stream, plan: RepartitioningPlan) -> None:
    """Add the partitions in one transaction: if this is killed, the log has all of them or none. Raise as above.

    Streams of the new partitions' names, which a log had that was replaced by a backup, are deleted before.
    """
    if plan.is_done:
        return
    for partition in range(plan.present, plan.wanted):
        if stream.tail(partition) != EMPTY:
            stream.delete(partition)
    _split(plan)
    forget_layout()


@atomic()
def _split(plan: RepartitioningPlan) -> None:
    # Under all locks nobody gives a position: no event of a child's aggregates gets one behind the marker any more.
    partitions = locked_partitions()
    if (count := Partition.objects.count()) != plan.present:  # Those that another process has added are not locked.
        raise RepartitioningRefused(f"meanwhile the log has {count} partitions; run this again")
    for parent in partitions:
        if parent.divergence:
            raise RepartitioningRefused(f"partition {parent.number} has diverged: {parent.divergence}; {REMEDY}")
    children = [(child, parent) for parent in partitions for child in plan.children_of(parent.number)]
    generation = max(int(time.time()), *(parent.generation + 1 for parent in partitions))
    Partition.objects.bulk_create(
        Partition(number=child, parent=parent.number, parent_position=parent.last_position, generation=generation)
        for child, parent in sorted(children, key=lambda pair: pair[0])
    )
    # A process that had known more partitions, before the log was restored, may have left some.
    Checkpoint.objects.filter(partition__gte=plan.present).delete()
    Checkpoint.objects.bulk_create(list(_checkpoints(plan)))


def _checkpoints(plan: RepartitioningPlan) -> Iterator[Checkpoint]:
    """Yield the places at which the groups begin: before each new partition's first event."""
    for found in Checkpoint.objects.filter(partition__lt=plan.present).order_by("group", "target", "partition"):
        for child in plan.children_of(found.partition):
            yield Checkpoint(group=found.group, target=found.target, partition=child)


def _expect_new_release() -> None:
    """Refuse while a consumer runs that would not wait for the marker."""
    old = Member.objects.filter(is_seen(), partitions=None).order_by("group", "id").first()
    if old:
        raise RepartitioningRefused(
            f"{old.group} {old.id} is a process of an earlier release, which would not keep the order; stop it first"
        )


def processes_behind(count: int) -> list[Member]:
    """Return the living consumers that do not know of so many partitions yet."""
    return list(Member.objects.filter(is_seen()).exclude(partitions=count).order_by("group", "id"))


def groups_behind() -> list[Waiting]:
    """Return what has not come to the markers yet."""
    notice_count(Partition.objects.count())
    return [
        Waiting(group=group, target=target, partition=partition)
        for (group, target), reached in checkpoint.positions_of_all().items()
        for partition in reached
        if checkpoint.must_wait(partition, reached)
    ]


def describe_behind(waiting: Sequence[Waiting]) -> str:
    """Return a sentence such as `readmodel 4Xq2: 3 partitions wait`."""
    counts: dict[str, int] = {}
    for found in waiting:
        name = f"{found.group} {found.target}".strip()
        counts[name] = counts.get(name, 0) + 1
    return "; ".join(f"{name} is held back in {count} partitions" for name, count in counts.items())
