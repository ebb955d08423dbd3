"""Choose whose turn is next, so that no backlog keeps other work waiting. No I/O of its own."""

from collections.abc import Callable, Collection, Sequence

type Work = Callable[[], bool]
"""One bounded step of a kind of work; it tells whether there was anything to do."""


class Turns:
    """Lets kinds of work take turns: after one that had something to do, all others come first."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, works: Sequence[Work]) -> bool:
        """Do one step of the first work that has something to do; tell whether any had."""
        for offset in range(len(works)):
            turn = (self._next + offset) % len(works)
            if works[turn]():
                self._next = turn + 1
                return True
        return False


def next_in_turn(partitions: Collection[int], last: int) -> int:
    """Return the partition that follows the last one, in a circle."""
    return min(partitions, key=lambda partition: (partition <= last, partition))


def some_in_turn(partitions: Collection[int], last: int, *, count: int) -> Sequence[int]:
    """Return the partitions that follow the last one, in a circle, up to so many."""
    return sorted(partitions, key=lambda partition: (partition <= last, partition))[:count]
