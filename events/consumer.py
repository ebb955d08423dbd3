"""Run one subscriber: read, handle, move the checkpoint, acknowledge last.

In:   entries of the stream, and whatever it misses from the log.
Out:  calls of the subscriber, in the order of the positions, each event at least once.
Next: readmodel/subscriber.py
"""

import logging
import random
import time
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections

from events import checkpoint, log
from events.appetite import Appetite
from events.conf import conf
from events.divergence import REMEDY
from events.envelope import Envelope
from events.exceptions import Diverged, EventError, Unprocessable
from events.partitions import partition_count
from events.shutdown import Interrupted, Shutdown
from events.stream import Entry, Stream
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15.0


class Consumer:
    """One process of a consumer group.

    The checkpoint in the database is the truth, the stream only a fast way to what comes after it: entries at or
    below the checkpoint are passed over, positions that the stream lacks are read from the log. After any failure
    everything is opened anew: the checkpoint is loaded, and what was read but not acknowledged is read again.
    """

    def __init__(self, group: str, subscriber: Subscriber, stream: Stream, *, name: str, shutdown: Shutdown) -> None:
        self.group = group
        self.subscriber = subscriber
        self.stream = stream
        self.name = name
        self.shutdown = shutdown
        self._appetite = Appetite()
        self._target = ""
        self._checkpoints: dict[int, int] = {}
        self._compared_at = 0.0
        self._failures = 0

    def run(self, *, until_idle: bool = False) -> None:
        """Consume until the shutdown is requested, or until nothing is left; failures are waited out.

        Raise ImproperlyConfigured if the subscriber can't be opened until somebody mends the settings.
        """
        try:
            while failure := self._run_until_failure(until_idle=until_idle):
                self._pause(failure)
        except Interrupted:
            logger.info("%s was asked to stop", self.group)
        finally:
            self.subscriber.close()

    def _run_until_failure(self, *, until_idle: bool) -> Exception | None:
        try:
            self._open()
            while self._step() or not until_idle:
                self._failures = 0
                self.shutdown.check()
        except ImproperlyConfigured:
            raise
        except (EventError, Error) as error:
            return error
        except Exception as error:  # The process's outermost loop: a bug of the subscriber must not end it.
            logger.exception("%s: the subscriber failed", self.group)
            return error
        return None

    def _open(self) -> None:
        self._target = self.subscriber.open()
        for partition in range(partition_count()):
            position = checkpoint.load(self.group, self._target, partition)
            self._checkpoints[partition] = position
            if self.stream.dsn.auto_setup:
                self.stream.create_group(partition, self.group, after=position)
            self._consume_pending(partition)

    def _consume_pending(self, partition: int) -> None:
        after = "0"
        while entries := self.stream.read_pending(
            partition, self.group, self.name, after=after, count=self._appetite.count
        ):
            self._appetite.learn(entries)
            self._consume(partition, entries)
            after = entries[-1].id

    def _step(self) -> bool:
        """Consume what comes next, from the stream or from the log; tell whether there was anything."""
        with self.shutdown.interruptible():
            by_partition = self.stream.read(
                self.group,
                self.name,
                range(partition_count()),
                count=self._appetite.count,
                block_seconds=conf.block_seconds,
            )
        for partition, entries in by_partition.items():
            self._appetite.learn(entries)
            self._consume(partition, entries)
        comparison_is_due = time.monotonic() - self._compared_at >= conf.block_seconds
        found = self._compare_with_log() if comparison_is_due or not by_partition else False
        return bool(by_partition) or found

    def _consume(self, partition: int, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.envelope is None:
                logger.error("%s: entry %s is not one of this log's, or was deleted: passed over", self.group, entry.id)
        envelopes = [entry.envelope for entry in entries if entry.envelope]
        fresh = [envelope for envelope in envelopes if _position(envelope) > self._checkpoints[partition]]
        if _are_consecutive(fresh, after=self._checkpoints[partition]):
            self._expect_own(partition, fresh)
            self._handle(partition, fresh)
        else:
            self._catch_up(partition, to=max(map(_position, fresh)))
        # Last: a crash above means twice, never zero times.
        self.stream.acknowledge(partition, self.group, [entry.id for entry in entries])

    def _expect_own(self, partition: int, fresh: Sequence[Envelope]) -> None:
        """Refuse events that the log has not: the checkpoint would pass those that it has, or its end."""
        if fresh and not log.knows(partition, log.Tail(_position(fresh[-1]), str(fresh[-1].id))):
            raise Diverged(f"the stream has {fresh[-1].id} at {_position(fresh[-1])}, the log has not; {REMEDY}")

    def _compare_with_log(self) -> bool:
        """Find what the stream has lost: at its end, at rest, nothing else would tell."""
        behind = False
        for partition, position in self._checkpoints.items():
            last = log.last_position(partition)
            behind |= last > position
            self._catch_up(partition, to=last)
        self._compared_at = time.monotonic()
        return behind

    def _catch_up(self, partition: int, *, to: int) -> None:
        """Handle the log's events up to the position; the log's own end bounds it."""
        while self._checkpoints[partition] < to:
            self.shutdown.check()
            batch = log.read_after(partition, self._checkpoints[partition], limit=conf.batch_size)
            if not batch:
                return
            self._handle(partition, batch)

    def _handle(self, partition: int, batch: Sequence[Envelope]) -> None:
        """Hand over the batch; if one of its events can't be handled, halve it until that one is alone, and park it."""
        if not batch:
            return
        position = _position(batch[-1])
        try:
            if selected := self.subscriber.select(batch):
                self.subscriber.handle(selected)
        except Unprocessable as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._handle(partition, batch[:middle])
                self._handle(partition, batch[middle:])
                return
            logger.error("%s parks %s of %s: %s", self.group, batch[0].type, batch[0].subject, error)
            checkpoint.park(self.group, self._target, partition, batch[0], str(error))
        else:
            checkpoint.advance(self.group, self._target, partition, position)
        self._checkpoints[partition] = position

    def _pause(self, error: Exception) -> None:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures += 1
        pause = random.uniform(longest / 2, longest)  # noqa: S311 (jitter)
        logger.warning("%s goes on in %.1f s: %s: %s", self.group, pause, type(error).__name__, error)
        connections.close_all()
        self.shutdown.sleep(pause)


def _position(envelope: Envelope) -> int:
    return envelope.position or 0


def _are_consecutive(envelopes: Sequence[Envelope], *, after: int) -> bool:
    return [_position(envelope) for envelope in envelopes] == list(range(after + 1, after + 1 + len(envelopes)))
