"""Run one subscriber: own partitions, read their events in order, deliver them, acknowledge last.

In:   entries of the stream, and whatever it misses from the log.
Out:  batches without gaps, of the partitions that this process owns.
Next: events/delivery.py
"""

import logging
import random
import time
from collections.abc import Sequence, Set
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.utils import timezone

from events import checkpoint, dead_letters, log
from events.appetite import Appetite
from events.checkpoint import Claim
from events.delivery import Batch, Delivery
from events.divergence import REMEDY
from events.envelope import Envelope
from events.exceptions import Diverged, EventError, LeaseLost, RetryLater
from events.limits import Limits
from events.ownership import CONSUMING, PAUSED, RETRYING, STANDING_BY, Condition, Ownership
from events.shutdown import Interrupted, Shutdown
from events.stream import Entry, Stream
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15.0
LONGEST_ASKED_PAUSE_SECONDS = 3600.0
GLANCE_SECONDS = 0.2


class Consumer:
    """One process of a consumer group.

    The checkpoint in the database is the truth, the stream only a fast way to what comes after it: entries at or
    below the checkpoint are passed over, positions that the stream lacks are read from the log. After any failure
    all is opened anew: partitions are acquired, checkpoints loaded, and Redis's groups set back to these.
    """

    def __init__(
        self, subscriber: Subscriber, stream: Stream, ownership: Ownership, *, shutdown: Shutdown, limits: Limits
    ) -> None:
        self.group = ownership.group
        self.subscriber = subscriber
        self.stream = stream
        self.ownership = ownership
        self.shutdown = shutdown
        self.limits = limits
        self._appetite = Appetite(limits.batch_size)
        self._delivery = Delivery(subscriber, self._settled)
        self._target = ""
        self._claims: dict[int, Claim] = {}
        self._read_to: dict[int, int] = {}
        self._looked_at = 0.0
        self._failures = 0

    def run(self, *, until_idle: bool = False) -> None:
        """Consume until the shutdown or a limit, or until the log has no more; failures are waited out.

        Raise ImproperlyConfigured if the subscriber can't be opened until somebody mends the settings.
        """
        try:
            while failure := self._run_until_failure(until_idle=until_idle):
                self._pause(failure)
        except Interrupted:
            logger.info("%s stops", self.group)
        finally:
            self._end()

    def _run_until_failure(self, *, until_idle: bool) -> Exception | None:
        try:
            self._open()
            while self._step() or not (until_idle and self._is_all_handled()):
                self._failures = 0
        except ImproperlyConfigured:
            raise
        except (EventError, Error) as error:
            return error
        except Exception as error:  # The process's outermost loop: a bug must not end it.
            logger.exception("%s failed", self.group)
            return error
        return None

    def _open(self) -> None:
        self._delivery.close()
        self._delivery = Delivery(self.subscriber, self._settled)
        self._claims, self._read_to = {}, {}
        self._target = self.subscriber.open()

    def _step(self) -> bool:
        """Deliver what comes next, from the stream or from the log; tell whether there was anything."""
        self._check_whether_to_stop()
        self.ownership.beat_if_due()
        self._follow_assignment()
        is_idle = self.ownership.is_paused or not self._claims
        state = PAUSED if self.ownership.is_paused else CONSUMING if self._claims else STANDING_BY
        self.ownership.condition = Condition(state)
        if is_idle:
            self._delivery.settle()
            self.ownership.wait_for_beat(self.shutdown, self.limits.block_seconds)
            return False
        found = self._read()
        if not found or time.monotonic() - self._looked_at >= self.limits.block_seconds:
            found |= self._look_beyond(found)
            self._looked_at = time.monotonic()
        return bool(found)

    def _check_whether_to_stop(self) -> None:
        self.shutdown.check()
        reached = "somebody asked the group to stop" if self.ownership.must_stop else self.limits.reached()
        if reached:
            logger.info("%s: %s", self.group, reached)
            raise Interrupted

    def _follow_assignment(self) -> None:
        """Give back the partitions that another process should own, and take over those that this one should."""
        assigned = self.ownership.assigned
        for partition in self.ownership.epochs.keys() - assigned:
            self._delivery.settle()
            self._claims.pop(partition, None)
            self.ownership.release(partition)
        for partition in sorted(assigned - self._claims.keys()):
            if self.ownership.acquire(partition):
                self._take_over(partition)

    def _take_over(self, partition: int) -> None:
        claim = Claim(self.group, self._target, partition, self.ownership.epochs[partition])
        position = checkpoint.load(claim)
        if self.stream.dsn.auto_setup:
            self.stream.create_group(partition, self.group, after=position)
        self.stream.rewind(partition, self.group, after=position)
        self._claims[partition], self._read_to[partition] = claim, position

    def _read(self) -> set[int]:
        """Deliver what the stream has next, and return in which partitions; wait only if nothing else is to be done."""
        is_complete = self._claims.keys() == self.ownership.assigned
        block_seconds = self.limits.block_seconds if is_complete else GLANCE_SECONDS
        with self.shutdown.interruptible():
            by_partition = self.stream.read(
                self.group,
                self.ownership.name,
                list(self._claims),
                count=min(self._appetite.count, self.limits.events_left),
                block_seconds=0 if self._delivery else block_seconds,
            )
        for partition, entries in by_partition.items():
            self._appetite.learn(entries)
            self._consume(self._claims[partition], entries)
        if not by_partition:
            self._delivery.settle()
        return set(by_partition)

    def _consume(self, claim: Claim, entries: Sequence[Entry]) -> None:
        self._park_foreign(claim, entries)
        before = self._read_to[claim.partition]
        envelopes = [entry.envelope for entry in entries if entry.envelope]
        fresh = [envelope for envelope in envelopes if _position(envelope) > before]
        settled = [entry.id for entry in entries if not entry.envelope or _position(entry.envelope) <= before]
        if _are_consecutive(fresh, after=before):
            self._expect_own(claim.partition, fresh)
            self._deliver(claim, fresh)
        else:
            self._catch_up(claim, to=max(map(_position, fresh)))
            self._delivery.settle()
            settled = [entry.id for entry in entries]  # Some may have been dropped from the log meanwhile.
        if settled:
            self.stream.acknowledge(claim.partition, self.group, settled)

    def _park_foreign(self, claim: Claim, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.envelope is None and dead_letters.park_foreign(claim, entry):
                logger.error("%s parks entry %s, which is not one of this log's", self.group, entry.id)

    def _expect_own(self, partition: int, fresh: Batch) -> None:
        """Refuse events that the log has not: the checkpoint would pass those that it has, or its end."""
        if fresh and not log.knows(partition, log.Tail(_position(fresh[-1]), str(fresh[-1].id))):
            raise Diverged(f"the stream has {fresh[-1].id} at {_position(fresh[-1])}, the log has not; {REMEDY}")

    def _deliver(self, claim: Claim, batch: Batch) -> None:
        batch = batch[: self.limits.events_left]
        if not batch:
            return
        self.ownership.beat_if_due()  # After the process was stopped, that tells whether its leases were taken.
        if not self.ownership.owns(claim.partition):
            raise LeaseLost
        self._read_to[claim.partition] = _position(batch[-1])
        self.limits.handled += len(batch)
        self._delivery.deliver(claim, batch)

    def _settled(self, claim: Claim, batch: Batch) -> None:
        """Acknowledge last: a crash before that means twice, never zero times."""
        self.stream.acknowledge(claim.partition, self.group, [f"{_position(envelope)}-0" for envelope in batch])

    def _look_beyond(self, read: Set[int]) -> set[int]:
        """See what the stream does not tell: what it has lost at its end, letters to be tried, a target that is gone.

        Where it was read just now it has lost nothing at its end. Return the partitions where it had.
        """
        self.subscriber.check()
        behind = set()
        for claim in self._claims.values():
            last = log.last_position(claim.partition)
            if claim.partition not in read and last > self._read_to[claim.partition]:
                behind.add(claim.partition)
                self._catch_up(claim, to=last)
            self._delivery.settle()
            while self._delivery.retry_letter(claim):
                self._check_whether_to_stop()
        return behind

    def _catch_up(self, claim: Claim, *, to: int) -> None:
        """Deliver the log's events up to the position; the log's own end bounds it."""
        while self._read_to[claim.partition] < to:
            self._check_whether_to_stop()
            limit = min(self.limits.batch_size, self.limits.events_left)
            batch = log.read_after(claim.partition, self._read_to[claim.partition], limit=limit)
            if not batch:
                return
            self._deliver(claim, batch)

    def _is_all_handled(self) -> bool:
        """Tell whether the group has come to the log's end, in partitions of other processes too."""
        return checkpoint.reached_the_end(self.group, self._target)

    def _pause(self, error: Exception) -> None:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures += 1
        self.limits.failed += 1
        pause = random.uniform(longest / 2, longest)  # noqa: S311 (jitter)
        if isinstance(error, RetryLater):
            pause = max(pause, min(error.retry_after_seconds, LONGEST_ASKED_PAUSE_SECONDS))
        said = f"{type(error).__name__}: {error}"
        logger.warning("%s goes on in %.1f s: %s", self.group, pause, said)
        self.ownership.condition = Condition(RETRYING, said, timezone.now() + timedelta(seconds=pause))
        connections.close_all()
        self._sit_out(pause)

    def _sit_out(self, pause: float) -> None:
        """Wait so long; less if another process waits for one of the partitions, or this one is to stop."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and self.ownership.epochs.keys() <= self.ownership.assigned:
            self._check_whether_to_stop()
            self.shutdown.sleep(min(left, GLANCE_SECONDS))

    def _end(self) -> None:
        try:
            self._delivery.settle()
            self.ownership.leave()
        except (EventError, Error) as error:
            logger.warning("%s leaves its leases to run out: %s", self.group, error)
        self._delivery.close()
        self.subscriber.close()


def _position(envelope: Envelope) -> int:
    return envelope.position or 0


def _are_consecutive(envelopes: Batch, *, after: int) -> bool:
    return [_position(envelope) for envelope in envelopes] == list(range(after + 1, after + 1 + len(envelopes)))
