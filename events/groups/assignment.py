"""Decide which member of a group should own which partition, and which members are well enough; without I/O."""

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

PATIENCE_SECONDS = 5.0
"""How long a process may fail before the others get its partitions: longer than an event's few attempts take."""


class Candidate(NamedTuple):
    """A process that was seen lately. It is well if its subscriber is open and its work succeeds."""

    member: str
    is_well: bool


def assign(candidates: Sequence[Candidate], partitions: int) -> dict[int, str]:
    """Return the member that should own each partition: those that are well, in turn; all of them if none is well.

    Every process computes this for itself, so it must pass the candidates in the same order.
    """
    well = [candidate for candidate in candidates if candidate.is_well]
    return dict(zip(range(partitions), cycle(candidate.member for candidate in well or candidates), strict=False))


class Health:
    """Whether a process is well, by what it reports. Times are those of one monotonic clock."""

    def __init__(self) -> None:
        self._is_open = False
        self._failing_since: float | None = None

    def open(self) -> None:
        """Note that the subscriber is open."""
        self._is_open = True

    def succeed(self) -> None:
        self._failing_since = None

    def fail(self, now: float) -> None:
        if self._failing_since is None:
            self._failing_since = now

    def is_failing(self, now: float) -> bool:
        """Tell whether nothing has succeeded for some seconds, so that others should do its work."""
        return self._failing_since is not None and now - self._failing_since >= PATIENCE_SECONDS

    def is_well(self, now: float) -> bool:
        return self._is_open and not self.is_failing(now)
