"""Append a batch to the stream, and write a line of the log if it was appended."""

import logging
from collections.abc import Sequence

from events import tracing
from events.envelope import Envelope
from events.stages import note_batch
from events.stream.interface import Stream
from events.stream.tail import Tail
from events.tracing import Kind

logger = logging.getLogger(__name__)


def append(stream: Stream, partition: int, end: Tail, envelopes: Sequence[Envelope], *, generation: int) -> Tail:
    """Append the batch if the stream ends with `end`; return the stream's end afterwards. Raise StreamUnavailable."""
    with tracing.span_of_batch("append", envelopes, kind=Kind.PRODUCER, partition=partition) as span:
        found = stream.append(partition, end, envelopes, generation=generation)
        span.set(is_appended=was_appended(envelopes, found))
    if was_appended(envelopes, found):
        note_batch(logger, "appended", envelopes, level=logging.INFO, partition=partition)
    return found


def was_appended(envelopes: Sequence[Envelope], end: Tail) -> bool:
    """Tell whether the stream ends with the batch."""
    return end.event_id == str(envelopes[-1].id)
