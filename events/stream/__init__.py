"""The stream, a window on the log in Redis. Only this folder talks to Redis.

In:   envelopes with positions.
Out:  entries with the ids `<position>-0`, each appended once, in order.
Next: events/consumer
"""

from events.stream.interface import TIMEOUT_SECONDS, Entry, Stream, open_stream
from events.stream.tail import EMPTY, FOREIGN, NO_STREAM, Tail

__all__ = ["EMPTY", "FOREIGN", "NO_STREAM", "TIMEOUT_SECONDS", "Entry", "Stream", "Tail", "open_stream"]
