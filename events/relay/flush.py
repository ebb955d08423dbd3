"""Bring the stream up to the log: give positions, then compare and append.

In:   committed rows, from events/recording/outbox.py; on commit, and as the sweep of `manage.py relay_events`.
Out:  the stream's entries, in the order of their positions. Any number of processes may do this at once.
Next: events/stream/interface.py
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from circuitbreaker import CircuitBreaker, CircuitBreakerError
from django.core.signals import setting_changed
from django.db import Error
from django.dispatch import receiver
from msgspec.structs import replace

from events import log
from events.conf import conf
from events.envelope import Envelope
from events.exceptions import Diverged, StreamUnavailable
from events.log.positions import BATCH_ROWS, GivenPositions, give_positions
from events.processes.throttled_log import ThrottledLog
from events.relay.divergence import expect_own
from events.stream.interface import Stream, open_stream
from events.stream.tail import Tail

logger = logging.getLogger(__name__)

type EnvelopesById = Mapping[UUID, Envelope]
NOTHING_IN_MEMORY: EnvelopesById = {}

_requests_log = ThrottledLog(logger)

# Keeps an outage of Redis from costing every request its time-out.
breaker = CircuitBreaker(failure_threshold=3, recovery_timeout=5, expected_exception=StreamUnavailable)


@cache
def _stream_of_requests() -> Stream:
    return open_stream(timeout_seconds=conf.flush_timeout_seconds)


@receiver(setting_changed)
def _forget_stream(*, setting: str, **_: Any) -> None:
    """Follow a test that puts another stream in place."""
    if setting in {"EVENTS_STREAM_URL", "EVENTS_STREAM_BACKEND"}:
        _stream_of_requests.cache_clear()
        breaker.reset()


def flush_committed(partitions: Collection[int], in_memory: EnvelopesById = NOTHING_IN_MEMORY) -> None:
    """Send what the current request committed, one batch per partition, or leave it to the relay; never raise.

    The recorded events, some or all of which may have been rolled back, save reading those of them that exist.
    """
    try:
        _send_or_wake_unless_open(_stream_of_requests(), partitions, in_memory)
    except CircuitBreakerError:
        return
    except (StreamUnavailable, Error) as error:
        logger.warning("the flush is left to the relay: %s", error)
    except Diverged as error:
        _requests_log.error(str(error))


def _send_or_wake(stream: Stream, partitions: Collection[int], in_memory: EnvelopesById) -> None:
    until = time.monotonic() + conf.flush_timeout_seconds
    sent = [
        conf.flush_on_commit and flush_batch(stream, partition, in_memory=in_memory, until=until)
        for partition in sorted(partitions)
    ]
    if not all(sent):
        _expect_time_left(until)
        stream.wake()


_send_or_wake_unless_open: Callable[[Stream, Collection[int], EnvelopesById], None] = breaker(_send_or_wake)


def flush_batch(
    stream: Stream, partition: int, *, in_memory: EnvelopesById = NOTHING_IN_MEMORY, until: float = math.inf
) -> bool:
    """Give positions to one batch of rows, without waiting for the lock, and append them; tell if that was all.

    Raise StreamUnavailable rather than begin another exchange with the stream after `until`, a monotonic time.
    """
    _expect_time_left(until)
    given = give_positions(partition, wait=False)
    positions = given.positions
    if not positions:
        return False  # Another flusher holds the lock, and may have come too early to see our rows.
    envelopes = _placed(given, in_memory) or log.read_after(partition, positions[0] - 1)
    tail = stream.append(partition, Tail(positions[0] - 1, given.event_before), envelopes)
    if tail.position < positions[0]:
        _expect_time_left(until)
        expect_own(stream, partition, tail)
        _expect_time_left(until)
        tail = _append_batch(stream, partition, tail, above=positions[-1] - conf.stream_max_length)
    return tail.position >= positions[-1] and len(positions) < BATCH_ROWS


def _expect_time_left(until: float) -> None:
    if time.monotonic() > until:
        raise StreamUnavailable("it takes longer than EVENTS_FLUSH_TIMEOUT_SECONDS")


def _placed(given: GivenPositions, in_memory: EnvelopesById) -> list[Envelope]:
    """Return the events that were given positions as the log has them now, or none if any is not at hand."""
    if not all(event_id in in_memory for event_id in given.event_ids):
        return []
    placed = zip(given.positions, given.event_ids, strict=True)
    return [replace(in_memory[event_id], position=position) for position, event_id in placed]


def sweep(stream: Stream, partition: int) -> int:
    """Flush all that is waiting in the partition; return how many positions the stream has gained by it.

    After a wipe only the window is sent again. Raise StreamUnavailable, or Diverged.
    """
    tail = first = stream.tail(partition)
    while True:
        expect_own(stream, partition, tail)  # First: a log restored from a backup must give no position anew.
        give_positions(partition)
        window_start = log.last_position(partition) - conf.stream_max_length
        new_tail = _append_batch(stream, partition, tail, above=window_start)
        if new_tail == tail:
            return tail.position - first.position
        tail = new_tail


def _append_batch(stream: Stream, partition: int, expected: Tail, *, above: int = 0) -> Tail:
    """Append the events that follow the expected last entry; return the real one, which tells whether it was that."""
    envelopes = log.read_after(partition, max(expected.position, above))
    return stream.append(partition, expected, envelopes) if envelopes else expected
