"""The end of a stream: its last entry, which says how far the stream has come and whether it is a window on the log."""

from typing import NamedTuple


class Tail(NamedTuple):
    """The last entry of a stream, real or expected. `event_id` is "" where only the position is known."""

    position: int
    event_id: str


EMPTY = Tail(0, "")
FOREIGN = "foreign"
"""Stands in place of an event's id: the last entry is not an event."""
NO_STREAM = Tail(0, FOREIGN)
"""The key holds something that is not a stream."""
