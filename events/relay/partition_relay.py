"""Relay a partition, a batch at a time: give positions, read the log, append. See `manage.py relay_events`.

In:   committed rows of the log.
Out:  the stream's entries, in the order of their positions; a foreign end is taken away first.
Next: events/stream/interface.py
"""

import logging
from typing import NamedTuple

from events import log
from events.conf import conf
from events.envelope import Envelope
from events.exceptions import StreamFull
from events.log.positions import BATCH_ROWS, GivenPositions, give_positions
from events.log.reading import BATCH_BYTES
from events.models import Partition
from events.processes.patience import Outcome, started
from events.relay.append import append, was_appended
from events.relay.divergence import diverged, is_own
from events.relay.repair import repair_end
from events.stream.interface import Stream
from events.stream.tail import Tail

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """The next events of a partition, and the stream's end to which they fit."""

    end: Tail
    envelopes: list[Envelope]
    generation: int
    has_given: bool
    """Whether positions were given for it, of these events or of later ones."""
    has_more: bool
    """Whether there may be more behind it."""


class PartitionRelay:
    """Relays a partition, a batch at a time. While the stream takes one, the next is read from the log.

    That one is read as if the stream will end with the batch in flight; otherwise it is dropped, and read again.
    """

    def __init__(self, stream: Stream, partition: int) -> None:
        self.given = 0
        """How many positions were given."""
        self.appended = 0
        """How many events have arrived on the stream."""
        self._stream = stream
        self._partition = partition
        self._end: Tail | None = None
        """Where the last batch leaves the stream. Since then the stream may have changed, and the log been restored."""
        self._in_flight: tuple[Batch, Outcome[Tail]] | None = None

    def relay_next(self) -> bool:
        """Give positions to one batch, and append the next one, which is another if the stream is behind.

        Tell whether there was any. If the stream fills the server, half of it is removed, so that one of the next turns
        succeeds; readers find these events in the log.
        Raise StreamUnavailable, Diverged, or ForeignEntries and UnknownSigningKey if a foreign end has to stay for now.
        """
        end, self._end = self._end, None  # Unknown after a failure.
        in_flight, self._in_flight = self._in_flight, None
        try:
            batch = self._read(end)
        finally:
            was_lost = in_flight is not None and not self._arrived(in_flight[0], in_flight[1].result())
        if was_lost:
            return self.relay_next()
        if not batch.envelopes:
            return batch.has_given or in_flight is not None
        if not self._send(batch):
            return end is not None and self.relay_next()
        self._end = _end_of(batch)
        return True

    def settled_end(self) -> Tail:
        """Wait for the batch in flight, and return where the stream ends; raise StreamUnavailable."""
        in_flight, self._in_flight = self._in_flight, None
        if in_flight and not self._arrived(in_flight[0], in_flight[1].result()):
            self._end = None
        return self._end or self._stream.tail(self._partition)

    def _read(self, end: Tail | None) -> Batch:
        given = give_positions(self._partition)
        self.given += len(given.positions)
        found = Partition.objects.get(number=self._partition)
        if found.divergence:
            raise diverged(self._partition, found.divergence)
        expected = end or _own_end(self._stream, self._partition)
        above = max(expected.position, found.last_position - conf.stream_max_length)
        envelopes = read_behind(self._partition, above, expected)
        has_more = bool(envelopes) and found.last_position > (envelopes[-1].position or 0)
        return Batch(expected, envelopes, found.generation, bool(given.positions), has_more or _is_full(given))

    def _send(self, batch: Batch) -> bool:
        """Append the batch, in the background if there is more to read meanwhile; tell whether it was refused."""
        if batch.has_more:
            self._in_flight = batch, started(lambda: self._append(batch), name="append")
            return True
        return self._arrived(batch, self._append(batch))

    def _append(self, batch: Batch) -> Tail:
        try:
            return append(self._stream, self._partition, batch.end, batch.envelopes, generation=batch.generation)
        except StreamFull:
            _shorten(self._stream, self._partition)
            raise

    def _arrived(self, batch: Batch, end: Tail) -> bool:
        """Tell whether the batch was appended, and count its events."""
        has_arrived = was_appended(batch.envelopes, end)
        self.appended += len(batch.envelopes) if has_arrived else 0
        return has_arrived


def _shorten(stream: Stream, partition: int) -> None:
    """Remove half of the stream: it is bounded by entries, which may be large, and a full server refuses the append.

    If it takes less than a batch, its half would make no room; then something else fills the server.
    """
    size = stream.memory_usage(partition)
    if size is not None and size < BATCH_BYTES:
        return
    removed = stream.trim(partition, length=stream.length(partition) // 2)
    logger.warning("Redis is full: %d of the oldest entries were removed from %s", removed, stream.key(partition))


def _end_of(batch: Batch) -> Tail:
    last = batch.envelopes[-1]
    return Tail(last.position or 0, str(last.id))


def _is_full(given: GivenPositions) -> bool:
    return len(given.positions) == BATCH_ROWS


def read_behind(partition: int, position: int, end: Tail) -> list[Envelope]:
    """Return the next events above the position; none if the log was restored, and no longer has the stream's end."""
    envelopes, at_end = log.read_behind(partition, position, end=end.position)
    return envelopes if not envelopes or at_end == end.event_id or is_own(partition, end) else []


def _own_end(stream: Stream, partition: int) -> Tail:
    """Return the stream's end; if it is foreign, take it away first."""
    end = stream.tail(partition)
    return end if is_own(partition, end) else repair_end(stream, partition)
