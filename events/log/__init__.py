"""The log: the table of events, with positions that have no gaps."""

from events.log.reading import (
    envelopes_of,
    is_waiting,
    knows,
    last_position,
    newest_waiting,
    read_after,
    read_event,
)

__all__ = ["envelopes_of", "is_waiting", "knows", "last_position", "newest_waiting", "read_after", "read_event"]
