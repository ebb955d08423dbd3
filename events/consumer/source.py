"""Read for the first target: from the stream, and from the log where the stream lacks events or is away.

In:   entries of the stream.
Out:  the same events, in order and without gaps, one bounded step at a time.
Next: events/consumer/subscription.py
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from events import log
from events.consumer.fetches import Fetch, Fetches
from events.consumer.group_reader import GroupReader
from events.consumer.subscription import Subscription, position_of
from events.consumer.turns import some_in_turn
from events.groups.checkpoint import Claim
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.processes.throttled_log import ThrottledLog
from events.processes.timer import Timer
from events.relay.repair import count_foreign_entries
from events.stream.interface import Entry

logger = logging.getLogger(__name__)

AWAY_SECONDS = 0.2
"""How often the log is looked at while Redis is away, or does not get what the log has."""
CLEARED_AT_ONCE = 16
"""The most partitions whose pending lists are looked at in a step: each look is a call, and a step must be short."""


class Source:
    """Where the first target's next events come from, in each partition."""

    def __init__(self, first: Subscription, reader: GroupReader, limits: Limits, shutdown: Shutdown) -> None:
        self.is_at_rest = False
        """Whether there was nothing to read at the last turn."""
        self._first = first
        self._reader = reader
        self._limits = limits
        self._shutdown = shutdown
        self._fetches = Fetches()
        self._log_to: dict[int, int] = {}
        """Up to which position the log is read, by partition."""
        self._unproductive: set[int] = set()
        """The partitions of which the stream had nothing new when it was last asked: no entries, or useless ones.

        Somebody else may add entries faster than they are read, or let the group read its old ones again and again.
        """
        self._lags = False
        """Whether the log had more than the stream when they were compared last."""
        self._comparison = Timer()
        self._cleared = -1
        """The partition whose pending list was looked at last."""
        self._foreign_log = ThrottledLog(logger)

    def read_stream(self) -> bool:
        """Deliver the stream's next entries of the partitions whose turn it is; tell whether there were any."""
        behind = self._first.partitions_behind(self._log_to)
        fetch = self._fetches.next(self._readable.difference(behind), self._first.most_events)
        found = self._read(fetch)
        self.is_at_rest = not (found or behind)
        if self.is_at_rest:
            self._first.settle()
        return found

    def read_log(self) -> bool:
        """Deliver the log's next batch of a partition where the stream lacks events; tell whether there was one."""
        behind = self._first.partitions_behind(self._log_to)
        if not behind:
            return False
        partition, found = self._first.deliver_from_log(behind)
        if not found:
            del self._log_to[partition]  # The log ends before.
        return found

    def wait(self, seconds: float) -> bool:
        """Wait for the stream's next entries and deliver them, but not longer than until the log is due."""
        seconds = min(seconds, self._comparison.seconds_left(self._comparison_seconds))
        if not (readable := self._readable):
            self._shutdown.sleep(seconds)
            return False
        return self._read(self._fetches.of_unknown(readable, self._first.most_events), block_seconds=seconds)

    def look_around(self) -> None:
        """Look now and then whether the log has more than the stream, and whether Redis is back."""
        if self._reader.away:
            self._reader.try_to_return(self._first.places)
        if self._comparison.is_due(self._comparison_seconds):
            self._compare_with_log()

    @property
    def _readable(self) -> set[int]:
        return self._first.claims.keys() - self._reader.away.keys()

    @property
    def _comparison_seconds(self) -> float:
        return AWAY_SECONDS if self._reader.away or self._lags else self._limits.block_seconds

    def _compare_with_log(self) -> None:
        """Let the next steps read the log where the stream had nothing new, or can't be read."""
        compared = self._first.claims.keys() & (self._unproductive | self._reader.away.keys())
        self._log_to |= log.last_positions(compared)
        for partition in some_in_turn(compared, self._cleared, count=CLEARED_AT_ONCE):
            self._reader.remove_leftovers(partition, after=self._first.positions[partition])
            self._cleared = partition
        self._lags = bool(self._first.partitions_behind(self._log_to))

    def _read(self, fetch: Fetch, *, block_seconds: float = 0) -> bool:
        """Deliver the entries that the stream has for the fetch; tell whether there were any."""
        if not fetch.partitions:
            return False
        with self._shutdown.interruptible():
            answer = self._reader.read(fetch.partitions, count=fetch.entries_each, block_seconds=block_seconds)
        before = self._first.positions
        for partition in fetch.partitions:
            entries = answer.get(partition, [])
            self._consume(partition, entries)
            has_more = len(entries) >= fetch.entries_each
            if has_more and _are_read(entries, before[partition]):
                self._first.settle()  # First: this leaves nothing pending.
                self._reader.skip_to(partition, before[partition])
            self._fetches.note(partition, self._first.count_fitting(partition) if has_more else 0)
        self._note_productive(fetch.partitions, before)
        return bool(answer)

    def _note_productive(self, fetched: Collection[int], before: Mapping[int, int]) -> None:
        now = self._first.positions
        self._unproductive -= set(fetched)
        self._unproductive |= {partition for partition in fetched if now[partition] == before[partition]}

    def _consume(self, partition: int, entries: Sequence[Entry]) -> None:
        """Deliver the entries; if the stream lacks any before them, let the next steps read the log up to them."""
        self._count_foreign(self._first.claims[partition], entries)
        envelopes = [entry.envelope for entry in entries if entry.envelope]
        if not self._first.deliver_from_stream(partition, envelopes):
            self._log_to[partition] = position_of(envelopes[-1])

    def _count_foreign(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Count the entries that are not ours; what they have replaced is read from the log, as if it were missing."""
        if foreign := [entry.id for entry in entries if entry.envelope is None]:
            count_foreign_entries(claim.partition, len(foreign))
            self._foreign_log.error(f"{claim.group} ignores entries of partition {claim.partition} that are not ours")
            self._reader.remove(claim.partition, foreign)


def _are_read(entries: Sequence[Entry], position: int) -> bool:
    """Tell whether the log was read beyond the last of these entries, so that more of them may be old."""
    last = entries[-1].envelope
    return last is not None and position_of(last) <= position
