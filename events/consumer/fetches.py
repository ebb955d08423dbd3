"""Choose what to fetch from the stream: Redis limits an answer by the number of entries, not by bytes. No I/O."""

from collections.abc import Collection
from typing import NamedTuple

from events.consumer.turns import next_in_turn

UNKNOWN_ENTRIES = 16
"""The most entries of unknown size in one answer, over all partitions: 16 MB with events of the default limit."""


class Fetch(NamedTuple):
    """The partitions to read at once, and how many entries of each."""

    partitions: Collection[int]
    entries_each: int


class Fetches:
    """Whose turn it is: each partition with known sizes alone, and all others together, a few entries each.

    The log knows the sizes of the events that wait in a partition. Nobody knows those of events still to come.
    """

    def __init__(self) -> None:
        self._fitting: dict[int, int] = {}
        self._last = -1

    def note(self, partition: int, fitting: int) -> None:
        """Note how many of the partition's next events are known to fit into one answer; 0 if none is known."""
        self._fitting[partition] = fitting

    def next(self, partitions: Collection[int], most: int) -> Fetch:
        """Return the next fetch from these partitions, of at most so many entries, but one of each at least."""
        known = [partition for partition in partitions if self._fitting.get(partition)]
        unknown = [partition for partition in partitions if partition not in known]
        turns = [*known, *unknown[:1]]  # The first unknown partition stands for all of them.
        if not turns:
            return Fetch([], 0)
        self._last = next_in_turn(turns, self._last)
        if self._last in known:
            return Fetch([self._last], min(self._fitting[self._last], most))
        return self.of_unknown(unknown, most)

    @staticmethod
    def of_unknown(partitions: Collection[int], most: int) -> Fetch:
        """Return the fetch of a few entries from each of these partitions."""
        return Fetch(partitions, max(1, min(UNKNOWN_ENTRIES, most) // max(1, len(partitions))))
