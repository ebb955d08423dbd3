"""Bring the stream up to date with the log: give positions, then compare and append.

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
from events.exceptions import StreamUnavailable
from events.log.positions import BATCH_ROWS, GivenPositions, give_positions
from events.measuring.catalogue import FLUSH_BREAKER_OPEN, FLUSH_SECONDS, FLUSHES
from events.models import Partition
from events.processes.pooled_sessions import release_sessions
from events.relay.append import append, was_appended
from events.relay.divergence import is_own
from events.relay.partition_relay import PartitionRelay, read_behind
from events.stream.interface import Stream, open_stream
from events.stream.tail import Tail

logger = logging.getLogger(__name__)

type EnvelopesById = Mapping[UUID, Envelope]
NOTHING_IN_MEMORY: EnvelopesById = {}
STREAM_IS_AWAY = ("unavailable", "breaker")

# During an outage of Redis, requests do not all wait for their time-out.
breaker = CircuitBreaker(failure_threshold=3, recovery_timeout=5, expected_exception=StreamUnavailable)


@cache
def _stream_of_requests() -> Stream:
    return open_stream(timeout_seconds=conf.flush_timeout_seconds)


@receiver(setting_changed)
def _forget_stream(*, setting: str, **_: Any) -> None:
    """Open another stream after a test has changed the settings."""
    if setting in {"EVENTS_STREAM_URL", "EVENTS_STREAM_BACKEND"}:
        _stream_of_requests.cache_clear()
        breaker.reset()


def flush_committed(partitions: Collection[int], in_memory: EnvelopesById = NOTHING_IN_MEMORY) -> None:
    """Flush what the current request committed, one batch per partition, or leave it to the relay; never raise.

    Events that are still in memory need not be read from the log; some of them may have been rolled back.
    """
    with FLUSH_SECONDS.timed():
        result = _flush(partitions, in_memory)
    FLUSHES.add(1, result)
    FLUSH_BREAKER_OPEN.turn(breaker.opened)


def _flush(partitions: Collection[int], in_memory: EnvelopesById) -> str:
    """Flush, and return what became of it, as FLUSHES counts it."""
    try:
        result = _send(partitions, in_memory)
        if result in STREAM_IS_AWAY and conf.flush_on_commit:
            give_positions_without_redis(partitions)
    except (Error, Partition.DoesNotExist) as error:  # A restored log may have fewer partitions.
        logger.warning("the flush is left to the relay: %s", error)
        return "database"
    return result


def _send(partitions: Collection[int], in_memory: EnvelopesById) -> str:
    """Send the events, or wake the relay."""
    try:
        return _send_or_wake_unless_open(_stream_of_requests(), partitions, in_memory)
    except CircuitBreakerError:
        return "breaker"
    except StreamUnavailable as error:
        logger.warning("the flush is left to the relay: %s", error)
        return "unavailable"


def give_positions_without_redis(partitions: Collection[int]) -> bool:
    """Give one batch of rows in each partition their positions, so that consumers find them in the log.

    Give none where the stream is known to have diverged. Tell whether more rows may wait.
    """
    given = [give_positions(partition, wait=False).positions for partition in sorted(partitions)]
    return any(len(positions) == BATCH_ROWS for positions in given)


def _send_or_wake(stream: Stream, partitions: Collection[int], in_memory: EnvelopesById) -> str:
    until = time.monotonic() + conf.flush_timeout_seconds
    sent = [
        conf.flush_on_commit and flush_batch(stream, partition, in_memory=in_memory, until=until)
        for partition in sorted(partitions)
    ]
    if all(sent):
        return "sent"
    _expect_time_left(until)
    release_sessions()
    stream.wake()
    return "more"


_send_or_wake_unless_open: Callable[[Stream, Collection[int], EnvelopesById], str] = breaker(_send_or_wake)


def flush_batch(
    stream: Stream, partition: int, *, in_memory: EnvelopesById = NOTHING_IN_MEMORY, until: float = math.inf
) -> bool:
    """Give positions to one batch of rows, without waiting for the lock, and append them; tell whether that was all.

    Raise StreamUnavailable instead of calling the stream again after `until`, a monotonic time.
    """
    _expect_time_left(until)
    given = give_positions(partition, wait=False)
    positions = given.positions
    if not positions:
        return False  # Another process holds the lock, and may not have seen our rows; or the stream has diverged.
    envelopes = _placed(given, in_memory) or log.read_after(partition, positions[0] - 1)
    release_sessions()  # The stream may take its time to answer.
    before = Tail(positions[0] - 1, given.event_before)
    tail = append(stream, partition, before, envelopes, generation=given.generation)
    if not was_appended(envelopes, tail):
        _expect_time_left(until)
        if not is_own(partition, tail):
            return False  # Only the relay takes foreign entries away.
        above = max(tail.position, positions[-1] - conf.stream_max_length)
        envelopes = read_behind(partition, above, tail)
        _expect_time_left(until)
        tail = append(stream, partition, tail, envelopes, generation=given.generation) if envelopes else tail
    return tail.position >= positions[-1] and len(positions) < BATCH_ROWS


def _expect_time_left(until: float) -> None:
    if time.monotonic() > until:
        raise StreamUnavailable("Redis takes longer than EVENTS_FLUSH_TIMEOUT_SECONDS")


def _placed(given: GivenPositions, in_memory: EnvelopesById) -> list[Envelope]:
    """Return the events with their new positions, or nothing if one of them is not in memory."""
    if not all(event_id in in_memory for event_id in given.event_ids):
        return []
    placed = zip(given.positions, given.event_ids, strict=True)
    return [replace(in_memory[event_id], position=position) for position, event_id in placed]


def sweep(stream: Stream, partition: int) -> int:
    """Flush everything that waits in the partition now, not what comes meanwhile; return how much was appended.

    After a wipe only the window is sent again. Raise what `PartitionRelay.relay_next` does.
    """
    waiting, newest = log.count_waiting(partition)
    relay = PartitionRelay(stream, partition)
    end = 0
    while relay.relay_next():
        if not end and relay.given >= waiting and not log.is_waiting(partition, up_to=newest):
            end = log.last_position(partition)
        if end and relay.settled_end().position >= end:
            break
    return relay.appended
