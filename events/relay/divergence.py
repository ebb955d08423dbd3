"""Find out whether the log was restored from a backup: the stream then has an entry of ours that the log does not have.

The database stores this divergence, so it holds for all processes until `reset_stream`. It is not repaired by the log
growing past the stream's end, nor by deleting the entry. Entries that are not ours are no divergence:
events/relay/repair.py takes them away.
"""

from events import log
from events.exceptions import Diverged
from events.models import Partition
from events.stream.interface import Stream
from events.stream.tail import EMPTY, FOREIGN, NO_STREAM, Tail

REMEDY = "nothing is relayed or read from the log until the stream is reset: manage.py reset_stream"


def is_own(partition: int, tail: Tail) -> bool:
    """Tell whether the log has the stream's last entry, so that it may go on behind it.

    Its MAC does not matter: a reader verifies it, and a stream that was filled before entries were signed goes on.
    """
    if tail == EMPTY:
        return True
    if tail.event_id == FOREIGN:
        return False
    if not tail.event_id:
        return tail.position <= log.last_position(partition)
    return log.knows(partition, tail.position, tail.event_id)


def expect_no_lost_event(stream: Stream, partition: int) -> None:
    """Look back to the last entry of ours; store that the stream has diverged, and raise Diverged, if the log lacks it.

    The stream does not end with an entry of the log. Foreign entries behind one that the log has lost are evidence of
    nothing, and must not hide it. If the stream is reset meanwhile, it was of the former one: nothing is stored.
    """
    generation = expect_undiverged(partition)
    if lost := _lost(stream, partition):
        row = Partition.objects.filter(number=partition, divergence="", generation=generation)
        row.update(divergence=_describe_lost(lost))
        expect_undiverged(partition)


def expect_undiverged(partition: int) -> int:
    """Raise Diverged if the stream of the partition has diverged, as stored; return the generation otherwise."""
    found, generation = Partition.objects.values_list("divergence", "generation").get(number=partition)
    if found:
        raise diverged(partition, found)
    return generation


def diverged(partition: int, found: str) -> Diverged:
    return Diverged(f"partition {partition}: {found}; {REMEDY}")


def current(partition: int) -> str:
    """Return how the stream of the partition has diverged, as stored; "" if it has not."""
    return Partition.objects.values_list("divergence", flat=True).get(number=partition)


def all_current() -> dict[int, str]:
    """Return how streams have diverged, by partition, without those that have not."""
    found = Partition.objects.exclude(divergence="").order_by("number")
    return dict(found.values_list("number", "divergence"))


def look(stream: Stream, partition: int) -> str:
    """Return how the stream of the partition has diverged, as stored or as seen now; store nothing."""
    if found := current(partition):
        return found
    lost = None if is_own(partition, stream.tail(partition)) else _lost(stream, partition)
    return _describe_lost(lost) if lost else ""


def foreign_end(stream: Stream, partition: int) -> str:
    """Describe the stream's end if it is not an entry of the log; "" if it is one."""
    tail = stream.tail(partition)
    if is_own(partition, tail):
        return ""
    if tail == NO_STREAM:
        return "the key holds something that is not a stream"
    return f"the stream ends with an entry at {tail.position} that is not an event of the log"


def _lost(stream: Stream, partition: int) -> Tail | None:
    """Return the stream's last entry of ours if the log does not have it."""
    if stream.tail(partition) == NO_STREAM:
        return None
    own = stream.last_own(partition)
    return own if own and not log.knows(partition, own.position, own.event_id) else None


def _describe_lost(own: Tail) -> str:
    return f"the stream has our event {own.event_id} at position {own.position}, which the log does not have there"
