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
from typing import Any, NamedTuple
from uuid import UUID

from circuitbreaker import CircuitBreaker, CircuitBreakerError
from django.core.signals import setting_changed
from django.db import Error
from django.dispatch import receiver
from msgspec.structs import replace

from events import log
from events.conf import conf
from events.envelope import Envelope
from events.exceptions import StreamFull, StreamUnavailable
from events.log.positions import BATCH_ROWS, GivenPositions, give_positions
from events.log.reading import BATCH_BYTES
from events.measuring.catalogue import FLUSH_BREAKER_OPEN, FLUSH_SECONDS, FLUSHES
from events.models import Partition
from events.processes.pooled_sessions import release_sessions
from events.relay.append import append, was_appended
from events.relay.divergence import diverged, is_own
from events.relay.repair import repair_end
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
    except Error as error:
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
        envelopes = _read_behind(partition, above, tail)
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

    After a wipe only the window is sent again. Raise what `relay_batch` does.
    """
    waiting, newest = log.count_waiting(partition)
    end, appended = 0, 0
    relayed = relay_batch(stream, partition)
    while relayed.events:
        appended += relayed.events
        if not end and appended >= waiting and not log.is_waiting(partition, up_to=newest):
            end = log.last_position(partition)
        if end and (relayed.end or stream.tail(partition)).position >= end:
            break
        relayed = relay_batch(stream, partition, known_end=relayed.end)
    return appended


def _shorten(stream: Stream, partition: int) -> None:
    """Remove half of the stream: it is bounded by entries, which may be large, and a full server refuses the append.

    If it takes less than a batch, its half would make no room; then something else fills the server.
    """
    size = stream.memory_usage(partition)
    if size is not None and size < BATCH_BYTES:
        return
    removed = stream.trim(partition, length=stream.length(partition) // 2)
    logger.warning("Redis is full: %d of the oldest entries were removed from %s", removed, stream.key(partition))


class Relayed(NamedTuple):
    """How many events a batch had, and where the stream ends since, None if that must be asked."""

    events: int
    end: Tail | None = None


def relay_batch(stream: Stream, partition: int, *, known_end: Tail | None = None) -> Relayed:
    """Give positions to one batch and append the next one, which is another if the stream is behind.

    `known_end` saves a question: it is where the batch before has left the stream. Since then the stream may have
    changed, and the log may have been restored.
    If the stream fills the server, half of it is removed, so that one of the next turns succeeds; readers find these
    events in the log.
    Raise StreamUnavailable, Diverged, or ForeignEntries and UnknownSigningKey if a foreign end has to stay for now.
    """
    given = give_positions(partition)
    found = Partition.objects.get(number=partition)
    if found.divergence:
        raise diverged(partition, found.divergence)
    expected = known_end or _own_end(stream, partition)
    envelopes = _read_behind(partition, max(expected.position, found.last_position - conf.stream_max_length), expected)
    if not envelopes:
        return Relayed(len(given.positions))
    try:
        end = append(stream, partition, expected, envelopes, generation=found.generation)
    except StreamFull:
        _shorten(stream, partition)
        raise
    if was_appended(envelopes, end):
        return Relayed(len(envelopes), end)
    return relay_batch(stream, partition) if known_end else Relayed(0)


def _read_behind(partition: int, position: int, end: Tail) -> list[Envelope]:
    """Return the next events above the position; none if the log was restored, and no longer has the stream's end."""
    envelopes, at_end = log.read_behind(partition, position, end=end.position)
    return envelopes if not envelopes or at_end == end.event_id or is_own(partition, end) else []


def _own_end(stream: Stream, partition: int) -> Tail:
    """Return the stream's end; if it is foreign, take it away first."""
    end = stream.tail(partition)
    return end if is_own(partition, end) else repair_end(stream, partition)
