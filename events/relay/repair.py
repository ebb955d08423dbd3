"""Take foreign entries away: delete the stream, which the relay then fills from the log. Only `relay_events` does this.

Redis refuses to move a stream's last id back, so single entries can't be replaced. The pause between two repairs of a
partition grows from 1 s to 60 s: an entry is written faster than a stream is filled.
"""

import logging
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from events.exceptions import ForeignEntries
from events.models import Partition
from events.relay import signing_keys
from events.relay.divergence import expect_no_lost_event, is_own
from events.stream.interface import Stream
from events.stream.tail import EMPTY, Tail

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60
ATTEMPTS = 5


def count_foreign_entries(partition: int, number: int) -> None:
    """Add to the number of entries that were found not to be ours."""
    Partition.objects.filter(number=partition).update(foreign_entries=F("foreign_entries") + number)


def repair_end(stream: Stream, partition: int) -> Tail:
    """Delete the stream if it ends with a foreign entry; return its end afterwards.

    Raise ForeignEntries if it is too early for that, Diverged if the log was restored, UnknownSigningKey.
    """
    _take_turn(partition)
    tail = stream.tail(partition)
    if is_own(partition, tail):
        return tail
    expect_no_lost_event(stream, partition)
    signing_keys.expect_known()
    if not _delete(stream, partition, tail, found=1):
        raise _foreign(partition)
    return EMPTY


def repair_middle(stream: Stream, partition: int, *, found: int) -> None:
    """Delete the stream, in which this many foreign entries were found, while it ends with an entry of the log.

    Raise ForeignEntries if it is too early for that, or if the stream ends with a foreign entry; UnknownSigningKey.
    """
    signing_keys.expect_known()
    _take_turn(partition)
    for _ in range(ATTEMPTS):  # Meanwhile others append.
        tail = stream.tail(partition)
        if not is_own(partition, tail):
            break
        if _delete(stream, partition, tail, found=found):
            return
    raise _foreign(partition)


def _delete(stream: Stream, partition: int, tail: Tail, *, found: int) -> bool:
    if not stream.delete_ending(partition, tail):
        return False
    logger.warning("partition %d had foreign entries: its stream is deleted, and filled from the log", partition)
    count_foreign_entries(partition, found)
    Partition.objects.filter(number=partition).update(signed_from=0, repairs=F("repairs") + 1)
    return True


def _take_turn(partition: int) -> None:
    """Begin the pause until the next repair; raise ForeignEntries during one, or if another relay is faster.

    During a pause raise UnknownSigningKey rather than promise a repair that this process must not do.
    """
    # By the database's clock, as for leases: a relay whose clock is ahead must not keep the others from repairing.
    row = Partition.objects.filter(number=partition)
    last = row.annotate(
        is_pausing=_is_after(_in_seconds(0)), was_recent=_is_after(_in_seconds(-LONGEST_PAUSE_SECONDS))
    ).values_list("repair_after", "repair_pause_seconds", "is_pausing", "was_recent")
    repair_after, pause, is_pausing, was_recent = last.get()
    if is_pausing:
        signing_keys.expect_known()
        raise _foreign(partition)
    pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if was_recent else 1
    turn = row.filter(repair_after=repair_after)
    if not turn.update(repair_after=_in_seconds(pause), repair_pause_seconds=pause):
        raise _foreign(partition)


def _is_after(moment: Now) -> "ExpressionWrapper[Any]":
    """Return whether the pause ends after the moment."""
    return ExpressionWrapper(Q(repair_after__gt=moment), output_field=BooleanField())


def _in_seconds(seconds: float) -> Now:
    return Now() + timedelta(seconds=seconds)  # type: ignore[return-value]  # Django evaluates it in the database


def _foreign(partition: int) -> ForeignEntries:
    return ForeignEntries(f"partition {partition}: {ForeignEntries.__doc__}")
