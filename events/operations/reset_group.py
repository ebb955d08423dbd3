"""Set a group's checkpoints back to repeat events, or forward to skip them: first plan it, then execute the plan."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

import msgspec
from django.db.models import Count, F, Max, Min
from django.utils.module_loading import import_string

from events.conf import conf
from events.database import atomic
from events.exceptions import CheckpointMissing, EventError
from events.groups import checkpoint
from events.groups.ownership import take_from_owner
from events.log.partitions import all_partitions, origin_of, origins_of
from events.models import Checkpoint, DeadLetter, Partition, Position
from events.subscriber import handled_names

type Destination = int | datetime
"""A position, up to which all counts as handled; or a time, whose first event at or after it comes next."""


class ReplayRefused(EventError):
    """The checkpoints can't be set to this place."""


class _TypeCount(TypedDict):
    """The events of a type in a range."""

    type: str
    events: int
    first: datetime
    last: datetime


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a partition between two positions."""

    types: Mapping[str, int]
    """The number of events of each type that the group handles."""
    others: int
    """The number of events of other types."""
    dropped: int
    """The number of events that were compacted away."""
    first: datetime | None
    last: datetime | None
    """When the first and the last event that the group handles were recorded."""
    open_letters: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """The current and the new position of a checkpoint, and the events in between."""

    target: str
    partition: int
    checkpoint: int
    position: int
    between: Range

    @property
    def is_back(self) -> bool:
        return self.position < self.checkpoint


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    group: str
    moves: list[Move]


def plan_replay(group: str, to: Destination, *, partition: int | None = None, target: str | None = None) -> ReplayPlan:
    """Plan to move the group's checkpoints in one or all partitions, of one or all targets.

    If the log was repartitioned, events that come after those to be repeated may be in further partitions, which are
    then repeated too: otherwise an aggregate's last event would be an old one.

    Raise ReplayRefused for a destination that does not exist, CheckpointMissing for a group that never ran, or
    PartitionsMissing.
    """
    partitions = _partitions(to, partition)
    checkpoints = checkpoint.of_group(group)
    if not checkpoints:
        raise CheckpointMissing
    known = sorted({found.target for found in checkpoints})
    if target is not None and target not in known:
        raise ReplayRefused(f"{group} has no target {target!r}; it has {', '.join(map(repr, known))}")
    positions = _with_later_partitions({found.number: _position(found, to) for found in partitions})
    return ReplayPlan(
        group=group,
        moves=[
            _plan_move(found, positions[found.partition])
            for found in checkpoints
            if found.partition in positions and target in {None, found.target}
        ],
    )


def execute_replay(plan: ReplayPlan) -> None:
    """Move the checkpoints; running processes follow by themselves. If this is killed half-way, run it again.

    Raise ReplayRefused if the log was repartitioned since the plan was made: the plan lacks the new partitions.
    """
    for partition in sorted({move.partition for move in plan.moves}):
        _move(plan, partition)


@atomic()
def _move(plan: ReplayPlan, partition: int) -> None:
    """Take the partition from its owner, so that no batch in flight moves the checkpoints afterwards.

    Each partition has its own transaction: a common one could deadlock with an owner that renews its leases.
    """
    take_from_owner(plan.group, partition)
    _expect_complete(plan)
    for move in plan.moves:
        if move.partition == partition:
            checkpoint.move_by_hand(plan.group, move.target, partition, move.position)


def _expect_complete(plan: ReplayPlan) -> None:
    """Raise ReplayRefused if there are checkpoints by now that have to be set back too. Those at 0 need not be."""
    positions = {move.partition: move.position for move in plan.moves}
    missing = _with_later_partitions(positions).keys() - positions.keys()
    checkpoints = Checkpoint.objects.filter(group=plan.group, target__in={move.target for move in plan.moves})
    if missing and checkpoints.filter(partition__in=missing, position__gt=0).exists():
        raise ReplayRefused("the log was repartitioned meanwhile: run this again")


def _partitions(to: Destination, number: int | None) -> list[Partition]:
    partitions = all_partitions()
    if number is not None:
        partitions = [partition for partition in partitions if partition.number == number]
    if not partitions:
        raise ReplayRefused(f"there is no partition {number}")
    if isinstance(to, int) and to and len(partitions) > 1:
        raise ReplayRefused(
            f"a position belongs to one partition, and there are {len(partitions)}: name one with --partition"
        )
    return partitions


def _position(partition: Partition, to: Destination) -> int:
    if isinstance(to, datetime):
        later = Position.objects.filter(partition=partition.number, entry__time__gte=to)
        first = later.order_by("position").values_list("position", flat=True).first()
        return partition.last_position if first is None else first - 1
    if to > partition.last_position:
        raise ReplayRefused(f"the log of partition {partition.number} ends at {partition.last_position:,}")
    return to


def _with_later_partitions(positions: Mapping[int, int]) -> Mapping[int, int]:
    """Let partitions begin from the start whose events come after some that are to be repeated in another one."""
    known = [origin_of(partition) for partition in all_partitions()]
    repeated = {
        number
        for number in range(len(known))
        for origin in origins_of(number, known)
        if positions.get(origin.parent, origin.position) < origin.position
    }
    return {**positions, **dict.fromkeys(repeated, 0)}


def _plan_move(current: Checkpoint, position: int) -> Move:
    return Move(
        target=current.target,
        partition=current.partition,
        checkpoint=current.position,
        position=position,
        between=_look(current, position),
    )


def _look(current: Checkpoint, position: int) -> Range:
    low, high = sorted((current.position, position))
    place = {"partition": current.partition, "position__gt": low, "position__lte": high}
    found = {row["type"]: row for row in _by_type(place)}
    names = handled_names(import_string(conf.subscribers[current.group]))
    handled = {name: row for name, row in found.items() if names is None or name in names}
    total = sum(row["events"] for row in found.values())
    letters = DeadLetter.objects.filter(**place, group=current.group, target=current.target)
    last = Partition.objects.values_list("last_position", flat=True).get(number=current.partition)
    return Range(
        types={name: row["events"] for name, row in handled.items()},
        others=total - sum(row["events"] for row in handled.values()),
        dropped=max(0, min(high, last) - low - total),
        first=min((row["first"] for row in handled.values()), default=None),
        last=max((row["last"] for row in handled.values()), default=None),
        open_letters=letters.filter(state__in=DeadLetter.OPEN).count(),
    )


def _by_type(place: Mapping[str, int]) -> list[_TypeCount]:
    rows = Position.objects.filter(**place).values(type=F("entry__type")).order_by("type")
    counted = rows.annotate(events=Count("entry_id"), first=Min("entry__time"), last=Max("entry__time"))
    return [_TypeCount(**row) for row in counted]
