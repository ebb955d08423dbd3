"""Read the stream as a group's consumer. Redis is a hint for speed: while it is away, the log has everything.

In:   entries of the stream.
Out:  the same entries, or nothing while Redis is away; no failure of Redis leaves this module.
Next: events/consumer/consumer.py
"""

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from typing import NamedTuple

from events.exceptions import GroupLost, StreamUnavailable
from events.processes.patience import Outcome, started
from events.processes.throttled_log import ThrottledLog
from events.stream.interface import Entry, Stream

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.8
"""How long a consumer waits for Redis's answer before it reads the log."""
RETURN_SECONDS = 1.0
"""How often it tries whether Redis is back."""
PATIENCE_SECONDS = 0.1
"""How long a try may keep the consumer waiting; after that it goes on in its thread."""


class _Return(NamedTuple):
    """A try to return to the stream, at these positions."""

    positions: Mapping[int, int]
    outcome: Outcome[None]


class GroupReader:
    """The group's place in the stream, which is book-keeping: the checkpoints are the truth.

    A failure means that Redis is away. It is back once the group is set to where the consumer has come by then, in each
    partition, with nothing pending.
    """

    def __init__(self, stream: Stream, group: str, consumer: str) -> None:
        self.why_away = ""
        """Why the log is read; "" while the stream is."""
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._pending: dict[int, list[int]] = {}
        self._log = ThrottledLog(logger)
        self._return: _Return | None = None
        self._tried_at = 0.0

    def take_over(self, partition: int, position: int) -> None:
        """Let the group read from after the position."""
        self._pending[partition] = []
        if not self.why_away:
            with self._or_away():
                self._set_group({partition: position})

    def read(self, partitions: Collection[int], *, count: int, block_seconds: float = 0) -> dict[int, list[Entry]]:
        """Return the next entries by partition; wait for the first as `Stream.read` does."""
        found: dict[int, list[Entry]] = {}
        with self._or_away():
            found = self._stream.read(
                self._group, self._consumer, list(partitions), count=count, block_seconds=block_seconds
            )
        for partition, entries in found.items():
            self._pending[partition] += [entry.envelope.position or 0 for entry in entries if entry.envelope]
        return found

    def acknowledge(self, settled_to: Mapping[int, int]) -> None:
        """Remove the entries that were read, up to each partition's position, from the pending list."""
        for partition, pending in self._pending.items():
            to = settled_to.get(partition, 0)
            if settled := [position for position in pending if position <= to]:
                self._pending[partition] = [position for position in pending if position > to]
                self.remove(partition, [f"{position}-0" for position in settled])

    def release(self, partition: int) -> None:
        """Forget what was read of a partition that another process will own."""
        self._pending.pop(partition, None)

    def remove(self, partition: int, entry_ids: Sequence[str]) -> None:
        """Remove these entries from the pending list."""
        if not self.why_away:
            with self._or_away():
                self._stream.acknowledge(partition, self._group, entry_ids)

    def remove_leftovers(self, partition: int, *, after: int) -> None:
        """Empty the pending list of what a late process has read, if nothing of ours is pending.

        Such a process goes on after its lease, and then can't settle what it reads.
        """
        if not self.why_away and not self._pending.get(partition):
            with self._or_away():
                if self._stream.pending(partition, self._group):
                    self._stream.rewind(partition, self._group, after=after)

    def try_to_return(self, positions: Mapping[int, int]) -> None:
        """Try now and then whether Redis is back; then let the group read from after these positions."""
        if self._return is None and time.monotonic() - self._tried_at >= RETURN_SECONDS:
            self._tried_at = time.monotonic()
            # In a thread: a hung server would keep the consumer waiting at each try.
            outcome = started(lambda: self._set_group(positions), name="return to the stream")
            self._return = _Return(positions, outcome)
            wait([outcome], timeout=PATIENCE_SECONDS)
        if self._return and self._return.outcome.done():
            tried, self._return = self._return, None
            with self._or_away():
                tried.outcome.result()
                if tried.positions.keys() == positions.keys():  # Partitions may have come or gone meanwhile.
                    self.why_away = ""
                    self._log.recovered()

    def _set_group(self, positions: Mapping[int, int]) -> None:
        for partition, position in positions.items():
            if self._stream.dsn.auto_setup:
                self._stream.create_group(partition, self._group, after=position)
            self._stream.rewind(partition, self._group, after=position)

    @contextmanager
    def _or_away(self) -> Iterator[None]:
        """Take a failure of Redis, or a lost group, for its absence."""
        try:
            yield
        except (StreamUnavailable, GroupLost) as error:
            self.why_away = str(error)
            self._log.error(f"{self._group} reads the log instead of the stream: {error}")
