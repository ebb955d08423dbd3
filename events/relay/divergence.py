"""Whether the stream is still a window on this log. Once it is not, nothing is appended until `reset_stream`.

The database keeps the finding, so that it holds for all processes, for good, and whatever becomes of the stream: that
the log has caught up with the stream, or that the foreign entry was deleted, mends nothing.
"""

from events import log
from events.exceptions import Diverged
from events.models import Partition
from events.stream.interface import Stream
from events.stream.tail import EMPTY, FOREIGN, NO_STREAM, Tail

# `XADD key *` takes the milliseconds since 1970 for a position; ours never get there.
FIRST_OF_THE_CLOCK = 10**12
REMEDY = "nothing is appended until the stream is reset: manage.py reset_stream"


def expect_own(stream: Stream, partition: int, tail: Tail) -> None:
    """Raise Diverged, and keep it for everybody, if the stream's last entry is not the log's own, or ever was not."""
    found = current(partition)
    if not found and not _is_own(partition, tail):
        tail = stream.tail(partition)  # Once more, after that: a reset may just have deleted the stream that ended so.
        found = "" if _is_own(partition, tail) else _keep(partition, tail)
    if found:
        raise Diverged(f"partition {partition}: {found}; {REMEDY}")


def _is_own(partition: int, tail: Tail) -> bool:
    if tail == EMPTY:
        return True
    if tail.event_id == FOREIGN:
        return False
    if not tail.event_id:
        return tail.position <= log.last_position(partition)
    return log.knows(partition, tail.position, tail.event_id)


def _keep(partition: int, tail: Tail) -> str:
    found = _describe(tail)
    # An event may be one of this log's own, from before it was restored: its readers may have had it.
    may_be_lost = tail.event_id != FOREIGN and tail.position < FIRST_OF_THE_CLOCK
    undiverged = Partition.objects.filter(number=partition, divergence="")
    undiverged.update(divergence=found, has_lost_events=may_be_lost)
    return found


def current(partition: int) -> str:
    """Say how the stream of the partition has diverged; "" if it has not."""
    return Partition.objects.values_list("divergence", flat=True).get(number=partition)


def look(stream: Stream, partition: int) -> str:
    """Say how the stream of the partition has diverged, whether that was found before or not; keep nothing."""
    found, tail = current(partition), stream.tail(partition)
    return found or ("" if _is_own(partition, tail) else _describe(tail))


def all_current() -> dict[int, str]:
    """Say how streams have diverged, by partition, of those that have."""
    diverged = Partition.objects.exclude(divergence="").order_by("number")
    return dict(diverged.values_list("number", "divergence"))


def _describe(tail: Tail) -> str:
    if tail == NO_STREAM:
        return "the stream's key holds something that is no stream"
    if tail.event_id == FOREIGN:
        return f"the stream ends with an entry at {tail.position} that is no event"
    event = f"event {tail.event_id}" if tail.event_id else "an entry that is deleted"
    return f"the stream ends with {event} at position {tail.position}, which the log does not have there"
