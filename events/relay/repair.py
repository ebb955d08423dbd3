"""Take foreign entries away: delete the stream, which the relay then fills from the log. Only `relay_events` does this.

Redis refuses to move a stream's last id back, so single entries can't be replaced. The pause between two repairs of a
partition grows from 1 s to 60 s: an entry is written faster than a stream is filled.
"""

import logging
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

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
    now = timezone.now()
    last = Partition.objects.get(number=partition)
    if last.repair_after and now < last.repair_after:
        signing_keys.expect_known()
        raise _foreign(partition)
    pause = min(2 * last.repair_pause_seconds, LONGEST_PAUSE_SECONDS) if _was_recent(last) else 1
    turn = Partition.objects.filter(number=partition, repair_after=last.repair_after)
    if not turn.update(repair_after=now + timedelta(seconds=pause), repair_pause_seconds=pause):
        raise _foreign(partition)


def _was_recent(last: Partition) -> bool:
    quiet_since = timezone.now() - timedelta(seconds=LONGEST_PAUSE_SECONDS)
    return last.repair_after is not None and last.repair_after > quiet_since


def _foreign(partition: int) -> ForeignEntries:
    return ForeignEntries(f"partition {partition}: {ForeignEntries.__doc__}")
