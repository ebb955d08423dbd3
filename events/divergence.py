"""Whether the stream is still a window on this log. Once it is not, nothing is appended until `reset_stream`.

The database keeps the finding, so that it holds for all processes, for good, and whatever becomes of the stream: that
the log has caught up with the stream, or that the foreign entry was deleted, mends nothing.
"""

from events import log
from events.exceptions import Diverged
from events.log import EMPTY, FOREIGN, Tail
from events.models import Partition

REMEDY = "nothing is appended until the stream is reset: manage.py reset_stream"


def expect_own(partition: int, tail: Tail) -> None:
    """Raise Diverged, and keep it for everybody, if the stream's last entry is not the log's own, or ever was not."""
    found = current(partition)
    if not found and tail != EMPTY and not log.knows(partition, tail):
        found = _describe(tail)
        # An event may be one of this log's own, from before it was restored: its readers may have had it.
        undiverged = Partition.objects.filter(number=partition, divergence="")
        undiverged.update(divergence=found, has_lost_events=tail.event_id != FOREIGN)
    if found:
        raise Diverged(f"partition {partition}: {found}; {REMEDY}")


def current(partition: int) -> str:
    """Say how the stream of the partition has diverged; "" if it has not."""
    return Partition.objects.values_list("divergence", flat=True).get(number=partition)


def all_current() -> dict[int, str]:
    """Say how streams have diverged, by partition, of those that have."""
    diverged = Partition.objects.exclude(divergence="").order_by("number")
    return dict(diverged.values_list("number", "divergence"))


def _describe(tail: Tail) -> str:
    if tail.event_id == FOREIGN:
        if not tail.position:
            return "the stream's key holds something that is no stream"
        return f"the stream ends with an entry at {tail.position} that is no event"
    event = f"event {tail.event_id}" if tail.event_id else "an entry that is deleted"
    return f"the stream ends with {event} at position {tail.position}, which the log does not have there"
