"""Append a batch to the stream, and write a line of the log if it was appended."""

import logging
from collections.abc import Sequence

from events.envelope import Envelope
from events.stages import note_batch
from events.stream.interface import Stream
from events.stream.tail import Tail

logger = logging.getLogger(__name__)


def append(stream: Stream, partition: int, end: Tail, envelopes: Sequence[Envelope], *, generation: int) -> Tail:
    """Append the batch if the stream ends with `end`; return the stream's end afterwards. Raise StreamUnavailable."""
    found = stream.append(partition, end, envelopes, generation=generation)
    if was_appended(envelopes, found):
        note_batch(logger, "appended", envelopes, level=logging.INFO, partition=partition)
    return found


def was_appended(envelopes: Sequence[Envelope], end: Tail) -> bool:
    """Tell whether the stream ends with the batch."""
    return end.event_id == str(envelopes[-1].id)
