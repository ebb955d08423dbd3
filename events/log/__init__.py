"""The log: the table of events, with positions that have no gaps."""

from events.log.reading import (
    EMPTY,
    FOREIGN,
    NO_STREAM,
    Tail,
    envelopes_of,
    knows,
    last_position,
    read_after,
    read_event,
)

__all__ = [
    "EMPTY",
    "FOREIGN",
    "NO_STREAM",
    "Tail",
    "envelopes_of",
    "knows",
    "last_position",
    "read_after",
    "read_event",
]
