"""The newest events of a partition, in memory for all clients of a process."""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from events.feed.pages import FeedEvent

EVENTS = 1_000
BYTES = 1_000_000


class FeedWindow:
    """All events above `start` up to `end`, except those compacted away; new events push out the oldest."""

    def __init__(self, position: int, mark: str = "") -> None:
        """`mark` is that of the event at the position, "" if it is not known."""
        self.start = self.end = position
        self._start_mark = mark
        self._events: deque[FeedEvent] = deque()
        self._bytes = 0

    def add(self, events: Iterable[FeedEvent]) -> None:
        for event in events:
            self._events.append(event)
            self._bytes += len(event.json)
            self.end = event.position
        while len(self._events) > EVENTS or self._bytes > BYTES:
            dropped = self._events.popleft()
            self._bytes -= len(dropped.json)
            self.start, self._start_mark = dropped.position, dropped.mark

    def after(self, position: int) -> list[FeedEvent]:
        newest_first = takewhile(lambda event: event.position > position, reversed(self._events))
        return list(newest_first)[::-1]

    def contradicts(self, position: int, mark: str) -> bool:
        """Tell whether another event is at the position than the one with this mark."""
        last = next((event for event in reversed(self._events) if event.position <= position), None)
        at_position = last.mark if last and last.position == position else ""
        known = self._start_mark if position == self.start else at_position
        return bool(mark and known) and mark != known
