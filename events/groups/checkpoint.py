"""How far groups have come: a checkpoint is the highest position up to which all is handled or parked.

A partition's owner moves it by a claim; operators, status and compaction look at the checkpoints of all groups.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from events import database
from events.exceptions import LeaseLost
from events.log.partitions import all_partitions, ancestors_of, layout, origins_of
from events.models import Checkpoint, Lease, Partition

# Raw SQL, since each batch does this: the ORM would take most of the time.
ADVANCE = """
UPDATE events_checkpoint SET position = %s, failed_position = NULL, attempts = 0, updated_at = %s
WHERE "group" = %s AND target = %s AND partition = %s AND epoch = %s AND position = %s
"""
# For this statement only: what a crash of PostgreSQL takes back is delivered again. See docs/adr/0007.
WITHOUT_WAITING_FOR_THE_DISK = "AND set_config('synchronous_commit', 'off', true) = 'off'"


class Claim(NamedTuple):
    """The right to move a group's checkpoint in a partition, until another process has a higher epoch."""

    group: str
    target: str
    partition: int
    epoch: int

    @property
    def place(self) -> dict[str, Any]:
        """Return the columns that identify the checkpoint."""
        return {"group": self.group, "target": self.target, "partition": self.partition}


def load(claim: Claim, *, new_at: int = 0) -> int:
    """Return the checkpoint's position, `new_at` for a new target; raise LeaseLost."""
    new = {"epoch": claim.epoch, "position": new_at}
    checkpoint, _ = Checkpoint.objects.get_or_create(**claim.place, defaults=new)
    if not Checkpoint.objects.filter(id=checkpoint.id, epoch__lte=claim.epoch).update(epoch=claim.epoch):
        raise LeaseLost
    return checkpoint.position


def begin(group: str, target: str, positions: Mapping[int, int]) -> None:
    """Let a target begin at these positions, in the partitions where it has no checkpoint."""
    rows = [
        Checkpoint(group=group, target=target, partition=partition, position=position)
        for partition, position in positions.items()
    ]
    Checkpoint.objects.bulk_create(rows, ignore_conflicts=True)


def positions_by_claim(group: str) -> dict[Claim, int]:
    """Return the positions of the group's checkpoints, each with the claim that can move it."""
    rows = Checkpoint.objects.filter(group=group).values_list("target", "partition", "epoch", "position")
    return {Claim(group, target, partition, epoch): position for target, partition, epoch, position in rows}


def advance(claim: Claim, position: int, *, after: int) -> None:
    """Move the checkpoint on from `after`; raise LeaseLost if it is elsewhere, or if another owns the partition.

    An operator may have moved it, or the database was restored from a backup.
    """
    connection = database.connection()
    may_be_repeated = connection.vendor == "postgresql" and not connection.in_atomic_block
    statement = f"{ADVANCE} {WITHOUT_WAITING_FOR_THE_DISK}" if may_be_repeated else ADVANCE
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, [position, now, *claim, after])
        if not cursor.rowcount:
            raise LeaseLost


def hold(claim: Claim) -> None:
    """Lock the checkpoint until the transaction ends; raise LeaseLost if another process owns the partition."""
    if not _claimed(claim).select_for_update().exists():
        raise LeaseLost


def count_attempt(claim: Claim, position: int) -> int:
    """Count a failure of the event at the position, and return how often it has failed; raise LeaseLost."""
    counted = attempts(claim, position) + 1
    if not _claimed(claim).update(failed_position=position, attempts=counted):
        raise LeaseLost
    return counted


def note_hang(claim: Claim, position: int) -> None:
    """Note that a handler hung with events up to the position, 0 for a dead letter; raise LeaseLost."""
    if not _claimed(claim).update(hangs=F("hangs") + 1, hung_to=Greatest("hung_to", Value(position))):
        raise LeaseLost


def hung_to(claim: Claim) -> int:
    """Return the position up to which events are handled one at a time, because a handler hung with one of them."""
    return _claimed(claim).values_list("hung_to", flat=True).first() or 0


def attempts(claim: Claim, position: int) -> int:
    """Return how often the event at the position has failed."""
    return _claimed(claim).filter(failed_position=position).values_list("attempts", flat=True).first() or 0


def fence(group: str, partition: int, epoch: int) -> None:
    """Keep owners with an older epoch from moving the group's checkpoints in the partition."""
    Checkpoint.objects.filter(group=group, partition=partition).update(epoch=epoch)


def move_by_hand(group: str, target: str, partition: int, position: int) -> None:
    """Set a checkpoint back or forward; the caller has fenced off the partition's owner."""
    rows = Checkpoint.objects.filter(group=group, target=target, partition=partition)
    rows.update(position=position, failed_position=None, attempts=0, hung_to=0, updated_at=timezone.now())


def move_back_to(partition: int, position: int) -> None:
    """Set the checkpoints of all groups in the partition back to the position, if they are beyond it."""
    Checkpoint.objects.filter(partition=partition, position__gt=position).update(position=position, hung_to=0)


def forget(group: str, target: str, *, partition: int | None = None) -> None:
    """Delete the checkpoints of a target that is gone, in a partition or in all: unmoved, they hold compaction back."""
    rows = Checkpoint.objects.filter(group=group, target=target)
    (rows if partition is None else rows.filter(partition=partition)).delete()


def forget_all_but(group: str, targets: Collection[str]) -> None:
    """Delete the group's checkpoints of all other targets."""
    Checkpoint.objects.filter(group=group).exclude(target__in=targets).delete()


def groups() -> set[str]:
    """Return the groups that have run: each has a checkpoint."""
    return set(Checkpoint.objects.values_list("group", flat=True))


def of_group(group: str) -> list[Checkpoint]:
    """Return the group's checkpoints, by partition and target."""
    return list(Checkpoint.objects.filter(group=group).order_by("partition", "target"))


def of_partition(partition: int) -> list[Checkpoint]:
    """Return the checkpoints of all groups in the partition, by group and target."""
    return list(Checkpoint.objects.filter(partition=partition).order_by("group", "target"))


def groups_of(partition: int) -> set[str]:
    """Return the groups that have a checkpoint in the partition, or a lease with which they may create one."""
    with_checkpoint = Checkpoint.objects.filter(partition=partition).values_list("group", flat=True)
    return {*with_checkpoint, *Lease.objects.filter(partition=partition).values_list("group", flat=True)}


def positions(group: str, target: str) -> dict[int, int]:
    """Return the position of each partition in which the target has a checkpoint."""
    return dict(Checkpoint.objects.filter(group=group, target=target).values_list("partition", "position"))


def held_back(group: str, target: str, partitions: Collection[int]) -> set[int]:
    """Return those of the partitions that the target must not begin: it has not handled all that comes before them.

    Earlier events of their aggregates are in the partitions that had these before the log was repartitioned.
    """
    if not any(ancestors_of(number) for number in partitions):
        return set()
    reached = positions(group, target)
    return {number for number in partitions if must_wait(number, reached)}


def must_wait(partition: int, reached: Mapping[int, int]) -> bool:
    """Tell whether a target that has come to these positions must not begin the partition."""
    known = layout()
    origins = origins_of(partition, known) if partition < len(known) else ()
    return any(reached.get(origin.parent, 0) < origin.position for origin in origins)


def positions_of_all() -> dict[tuple[str, str], dict[int, int]]:
    """Return the position of each partition, by group and target."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    rows = Checkpoint.objects.order_by("group", "target", "partition")
    for group, target, partition, position in rows.values_list("group", "target", "partition", "position"):
        found.setdefault((group, target), {})[partition] = position
    return found


def began_before(group: str, target: str, partition: int) -> bool:
    """Tell whether the target has begun with events that come before those of the partition."""
    reached = positions(group, target)
    return any(
        reached.get(origin.parent, origin.position) < origin.position for origin in origins_of(partition, layout())
    )


def other_targets(group: str, partition: int, targets: Collection[str]) -> list[str]:
    """Return the targets, other than these, for which the group has a checkpoint in the partition."""
    rows = Checkpoint.objects.filter(group=group, partition=partition).exclude(target__in=targets)
    return list(rows.values_list("target", flat=True))


def behind_the_log() -> set[tuple[str, int]]:
    """Return the groups for which events wait, each with the partition."""
    return set(Checkpoint.objects.filter(position__lt=_end_of_log()).values_list("group", "partition"))


def ahead_of_the_log() -> list[Checkpoint]:
    """Return the checkpoints that are beyond the log's end: it was restored from a backup."""
    return list(Checkpoint.objects.filter(position__gt=_end_of_log()).order_by("group", "target", "partition"))


def with_a_hung_handler() -> list[Checkpoint]:
    """Return the checkpoints that are still before an event with which a handler hung."""
    return list(Checkpoint.objects.filter(hung_to__gt=F("position")).order_by("group", "target", "partition"))


def reached_the_end(group: str, targets: Collection[str]) -> bool:
    """Tell whether each target has come to the log's end in every partition; raise PartitionsMissing."""
    rows = Checkpoint.objects.filter(group=group, target__in=targets)
    reached = {(row.target, row.partition): row.position for row in rows}
    return all(
        reached.get((target, partition.number), 0) >= partition.last_position
        for partition in all_partitions()
        for target in targets
    )


def _end_of_log() -> Subquery:
    return Subquery(Partition.objects.filter(number=OuterRef("partition")).values("last_position"))


def _claimed(claim: Claim) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(**claim.place, epoch=claim.epoch)
