"""How far a group has come: the highest position up to which all is handled or parked."""

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from events.exceptions import LeaseLost
from events.models import Checkpoint, Partition

# By hand, as it is done for each batch: the ORM would take most of the time.
ADVANCE = """
UPDATE events_checkpoint SET position = %s, failed_position = NULL, attempts = 0, updated_at = %s
WHERE "group" = %s AND target = %s AND partition = %s AND epoch = %s
"""
# For this statement alone; what a crash of PostgreSQL takes back is delivered again. See docs/adr/0007.
WITHOUT_WAITING_FOR_THE_DISK = "AND set_config('synchronous_commit', 'off', true) = 'off'"


class Claim(NamedTuple):
    """The right to move a group's checkpoint in a partition, as long as nobody has a higher epoch."""

    group: str
    target: str
    partition: int
    epoch: int

    @property
    def place(self) -> dict[str, Any]:
        """What it is a right to, as the fields of a row."""
        return {"group": self.group, "target": self.target, "partition": self.partition}


def load(claim: Claim) -> int:
    """Return the checkpoint, 0 for a target that was not seen before; raise LeaseLost."""
    checkpoint, _ = Checkpoint.objects.get_or_create(**claim.place, defaults={"epoch": claim.epoch})
    if not Checkpoint.objects.filter(id=checkpoint.id, epoch__lte=claim.epoch).update(epoch=claim.epoch):
        raise LeaseLost
    return checkpoint.position


def advance(claim: Claim, position: int) -> None:
    """Move the checkpoint to the position; raise LeaseLost if another process has the right to."""
    may_be_repeated = connection.vendor == "postgresql" and not connection.in_atomic_block
    statement = f"{ADVANCE} {WITHOUT_WAITING_FOR_THE_DISK}" if may_be_repeated else ADVANCE
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, [position, now, *claim])
        if not cursor.rowcount:
            raise LeaseLost


def hold(claim: Claim) -> None:
    """Let nobody else claim the checkpoint before this transaction has ended; raise LeaseLost if somebody has."""
    if not _claimed(claim).select_for_update().exists():
        raise LeaseLost


def count_attempt(claim: Claim, position: int) -> int:
    """Note that the event at the position has failed once more, and return how often it has; raise LeaseLost."""
    before = _claimed(claim).filter(failed_position=position).values_list("attempts", flat=True).first()
    attempts = (before or 0) + 1
    if not _claimed(claim).update(failed_position=position, attempts=attempts):
        raise LeaseLost
    return attempts


def other_targets(group: str, partition: int, targets: Collection[str]) -> list[str]:
    """Return the targets that the group was fed for in the partition, without those."""
    rows = Checkpoint.objects.filter(group=group, partition=partition).exclude(target__in=targets)
    return list(rows.values_list("target", flat=True))


def forget(group: str, partition: int, target: str) -> None:
    """Forget a target that is gone: a checkpoint that nobody moves would hold compaction back."""
    Checkpoint.objects.filter(group=group, partition=partition, target=target).delete()


def reached_the_end(group: str, targets: Collection[str]) -> bool:
    """Tell whether all positions that the log has given are settled for each target, in every partition."""
    rows = Checkpoint.objects.filter(group=group, target__in=targets)
    reached = {(row.target, row.partition): row.position for row in rows}
    given = Partition.objects.values_list("number", "last_position")
    return all(reached.get((target, number), 0) >= last for number, last in given for target in targets)


def _claimed(claim: Claim) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(**claim.place, epoch=claim.epoch)
