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


class GroupReader:
    """The group's place in the stream, which is book-keeping: the checkpoints are the truth.

    A failure means that Redis is away, in a cluster perhaps for some of the partitions. A partition is back once the
    group is set to where the consumer has come by then, with nothing pending.
    """

    def __init__(self, stream: Stream, group: str, consumer: str) -> None:
        self.away: dict[int, str] = {}
        """Why the log is read, by partition; the stream is read for all others."""
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._pending: dict[int, list[int]] = {}
        self._log = ThrottledLog(logger)
        self._return: Outcome[dict[int, str]] | None = None
        """A try to return to the stream."""
        self._tried_at = 0.0

    @property
    def why_away(self) -> str:
        """Why the log is read, in some partitions at least; "" while the stream is."""
        return next(iter(self.away.values()), "")

    def take_over(self, partition: int, position: int) -> None:
        """Let the group read from after the position."""
        self._pending[partition] = []
        if self.away:
            self.away[partition] = self.why_away  # Until it is tried in a thread.
            return
        with self._or_away(partition):
            self._set_group(partition, position)

    def read(self, partitions: Collection[int], *, count: int, block_seconds: float = 0) -> dict[int, list[Entry]]:
        """Return the next entries by partition; wait for the first as `Stream.read` does."""
        found: dict[int, list[Entry]] = {}
        with self._or_away(*partitions):
            found = self._stream.read(
                self._group, self._consumer, list(partitions), count=count, block_seconds=block_seconds
            )
        for partition, entries in found.items():
            self._pending[partition] += [entry.envelope.position or 0 for entry in entries if entry.envelope]
        return found

    def skip_to(self, partition: int, position: int) -> None:
        """Let the group read from after the position: the log was read up to there, and all of it is settled."""
        if partition not in self.away:
            with self._or_away(partition):
                self._stream.rewind(partition, self._group, after=position)
                self._pending[partition] = []

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
        self.away.pop(partition, None)

    def remove(self, partition: int, entry_ids: Sequence[str]) -> None:
        """Remove these entries from the pending list."""
        if partition not in self.away:
            with self._or_away(partition):
                self._stream.acknowledge(partition, self._group, entry_ids)

    def remove_leftovers(self, partition: int, *, after: int) -> None:
        """Empty the pending list of what a late process has read, if nothing of ours is pending.

        Such a process goes on after its lease, and then can't settle what it reads.
        """
        if partition not in self.away and not self._pending.get(partition):
            with self._or_away(partition):
                if self._stream.pending(partition, self._group):
                    self._stream.rewind(partition, self._group, after=after)

    def try_to_return(self, positions: Mapping[int, int]) -> None:
        """Try now and then whether Redis is back; then let the group read from after these positions.

        They are those of all partitions that this process owns; what it has lost meanwhile is away no longer.
        """
        for partition in self.away.keys() - positions.keys():
            self.release(partition)
        if self._return is None and time.monotonic() - self._tried_at >= RETURN_SECONDS:
            self._tried_at = time.monotonic()
            away = {partition: position for partition, position in positions.items() if partition in self.away}
            # In a thread: a hung server would keep the consumer waiting at each try.
            self._return = started(lambda: self._set_groups(away), name="return to the stream")
            wait([self._return], timeout=PATIENCE_SECONDS)
        if self._return and self._return.done():
            tried, self._return = self._return, None
            for partition, why in tried.result().items():
                if partition in self.away:  # It may have gone meanwhile.
                    self._note(partition, why)

    def _set_groups(self, positions: Mapping[int, int]) -> dict[int, str]:
        """Set the group in each partition; return why that failed, "" where it did not."""
        found: dict[int, str] = {}
        failed: dict[str, str] = {}
        for partition, position in positions.items():
            server = ""
            try:
                server = self._stream.server_of(partition)
                if server not in failed:
                    self._set_group(partition, position)
                found[partition] = failed.get(server, "")
            except StreamUnavailable as error:
                found[partition] = failed[server] = str(error)
            except GroupLost as error:
                found[partition] = str(error)
        return found

    def _set_group(self, partition: int, position: int) -> None:
        if self._stream.dsn.auto_setup:
            self._stream.create_group(partition, self._group, after=position)
        self._stream.rewind(partition, self._group, after=position)

    @contextmanager
    def _or_away(self, *partitions: int) -> Iterator[None]:
        """Take a failure of Redis for the absence of these partitions' servers, and a lost group for that of all."""
        try:
            yield
        except StreamUnavailable as error:
            for partition in self._beside(error.partitions or partitions):
                self._note(partition, str(error))
        except GroupLost as error:
            for partition in error.partitions or list(self._pending):
                self._note(partition, str(error))

    def _beside(self, partitions: Collection[int]) -> list[int]:
        """Return all partitions that are on the same servers as these, or all if nobody knows where they are."""
        try:
            servers = {self._stream.server_of(partition) for partition in partitions}
            return [partition for partition in self._pending if self._stream.server_of(partition) in servers]
        except StreamUnavailable:
            return list(self._pending)

    def _note(self, partition: int, why: str) -> None:
        if why:
            self.away[partition] = why
            self._log.error(f"{self._group} reads the log instead of the stream: {why}")
            return
        del self.away[partition]
        if not self.away:
            self._log.recovered()
