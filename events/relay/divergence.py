"""Find out whether the stream has diverged from the log. If it has, nothing is appended until `reset_stream`.

The database stores the divergence, so it holds for all processes until the reset. It is not repaired by the log growing
past the stream's end, nor by deleting the foreign entry.
"""

from events import log
from events.exceptions import Diverged
from events.models import Partition
from events.stream.interface import Stream
from events.stream.tail import EMPTY, FOREIGN, NO_STREAM, Tail

# `XADD key *` uses the milliseconds since 1970 as a position; ours never get that high.
LOWEST_CLOCK_POSITION = 10**12
REMEDY = "nothing is appended until the stream is reset: manage.py reset_stream"


def expect_own(stream: Stream, partition: int, tail: Tail) -> None:
    """Raise Diverged if the stream has diverged: as stored already, or by its last entry, which is then stored."""
    found = current(partition)
    if not found and not _is_own(partition, tail):
        tail = stream.tail(partition)  # Read again: a reset may just have deleted the stream with that end.
        found = "" if _is_own(partition, tail) else _store(partition, tail)
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


def _store(partition: int, tail: Tail) -> str:
    found = _describe(tail)
    # An event may come from this log before it was restored: readers may have handled it.
    may_be_lost = tail.event_id != FOREIGN and tail.position < LOWEST_CLOCK_POSITION
    undiverged = Partition.objects.filter(number=partition, divergence="")
    undiverged.update(divergence=found, has_lost_events=may_be_lost)
    return found


def current(partition: int) -> str:
    """Return how the stream of the partition has diverged, as stored; "" if it has not."""
    return Partition.objects.values_list("divergence", flat=True).get(number=partition)


def look(stream: Stream, partition: int) -> str:
    """Return how the stream of the partition has diverged, as stored or as seen now; store nothing."""
    found, tail = current(partition), stream.tail(partition)
    return found or ("" if _is_own(partition, tail) else _describe(tail))


def all_current() -> dict[int, str]:
    """Return how streams have diverged, by partition, without those that have not."""
    diverged = Partition.objects.exclude(divergence="").order_by("number")
    return dict(diverged.values_list("number", "divergence"))


def _describe(tail: Tail) -> str:
    if tail == NO_STREAM:
        return "the stream's key holds something that is not a stream"
    if tail.event_id == FOREIGN:
        return f"the stream ends with an entry at {tail.position} that is not an event"
    event = f"event {tail.event_id}" if tail.event_id else "a deleted entry"
    return f"the stream ends with {event} at position {tail.position}, which the log does not have there"
