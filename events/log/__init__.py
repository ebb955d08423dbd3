"""The log: the table of events, with positions that have no gaps."""

from events.log.reading import (
    count_fitting,
    count_waiting,
    envelopes_of,
    generation,
    is_waiting,
    knows,
    last_position,
    last_positions,
    read_after,
    read_behind,
    read_event,
)

__all__ = [
    "count_fitting",
    "count_waiting",
    "envelopes_of",
    "generation",
    "is_waiting",
    "knows",
    "last_position",
    "last_positions",
    "read_after",
    "read_behind",
    "read_event",
]
