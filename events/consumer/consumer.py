"""Run one subscriber: own partitions, read the stream, fill its gaps, acknowledge last, retry after failures.

In:   entries of the stream.
Out:  the entries of the partitions that this process owns, for each target of the subscriber.
Next: events/consumer/subscriptions.py
"""

import logging
import time
from collections.abc import Sequence, Set
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.utils import timezone

from events import log
from events.consumer.delivery import Batch
from events.consumer.subscription import Subscription, position_of
from events.consumer.subscriptions import Subscriptions
from events.exceptions import EventError, LeaseLost, text_of
from events.groups.checkpoint import Claim
from events.groups.ownership import CONSUMING, PAUSED, RETRYING, STANDING_BY, Condition, Ownership
from events.processes.backoff import Backoff
from events.processes.limits import Limits
from events.processes.migrations import expect_migrated
from events.processes.shutdown import Interrupted, Shutdown
from events.processes.throttled_log import ThrottledLog
from events.relay.repair import count_foreign_entries
from events.stream.fetch_size import FetchSize
from events.stream.interface import Entry, Stream
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class Consumer:
    """One process of a consumer group.

    The checkpoint in the database is the truth; the stream is only a fast way to the events after it. Entries at or
    below the checkpoint are skipped, and positions that the stream lacks are read from the log. After a failure
    everything is opened again: partitions are acquired, checkpoints loaded, and Redis's groups set back to them.
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
        self._fetch_size = FetchSize(limits.batch_size)
        self._subscriptions = Subscriptions(subscriber, ownership, limits, self._settled)
        self._looked_at = 0.0
        self._backoff = Backoff()
        self._foreign_log = ThrottledLog(logger)

    def run(self, *, until_idle: bool = False) -> None:
        """Consume until the shutdown or a limit, or until the end of the log; retry after failures.

        Raise ImproperlyConfigured if the settings must be corrected before the subscriber can be opened.
        """
        try:
            while failure := self._run_until_failure(until_idle=until_idle):
                self._back_off(failure)
        except Interrupted:
            logger.info("%s stops", self.group)
        finally:
            self._shut_down()

    def _run_until_failure(self, *, until_idle: bool) -> Exception | None:
        try:
            expect_migrated()  # Else handlers would fail on old tables, and their events would be parked.
            self._subscriptions.open()
            while self._step() or not (until_idle and self._subscriptions.reached_the_end()):
                self._backoff.succeed()
        except ImproperlyConfigured:
            raise
        except (EventError, Error) as error:
            return error
        except Exception as error:  # The process's outermost loop: a bug in a handler must not end it.
            logger.exception("%s failed", self.group)
            return error
        return None

    @property
    def _first(self) -> Subscription:
        """The subscription that reads the stream."""
        return self._subscriptions.first

    def _step(self) -> bool:
        """Deliver the next events, from the stream or from the log; tell whether there were any."""
        self._check_whether_to_stop()
        self.ownership.heartbeat_if_due()
        self._follow_assignment()
        owned = self._first.claims
        state = PAUSED if self.ownership.is_paused else CONSUMING if owned else STANDING_BY
        if state != CONSUMING:
            self._subscriptions.settle()  # First: the condition `paused` promises that nothing is in flight.
        self.ownership.condition = Condition(state)
        if state != CONSUMING:
            self.ownership.wait_for_heartbeat(self.shutdown, self.limits.block_seconds)
            return False
        found = self._read()
        has_fed = self._subscriptions.feed_further_targets(at_rest=not found)
        if not (found or has_fed) or time.monotonic() - self._looked_at >= self.limits.block_seconds:
            found |= self._check_beyond_stream(found)
            self._looked_at = time.monotonic()
        return bool(found) or has_fed

    def _check_whether_to_stop(self) -> None:
        self.shutdown.check()
        reached = "the group was asked to stop" if self.ownership.must_stop else self.limits.reached()
        if reached:
            logger.info("%s: %s", self.group, reached)
            raise Interrupted

    def _follow_assignment(self) -> None:
        """Release the partitions that another process should own, and take over those that this one should."""
        if not all(map(self.ownership.owns, self._first.claims)):
            raise LeaseLost  # Also when idle: an operator may have set the group back.
        assigned = self.ownership.assigned
        for partition in self.ownership.epochs.keys() - assigned:
            self._subscriptions.release(partition)
            self.ownership.release(partition)
        for partition in sorted(assigned - self._first.claims.keys()):
            if self.ownership.acquire(partition):
                self._take_over(partition)

    def _take_over(self, partition: int) -> None:
        position = self._subscriptions.take_over(partition)
        if self.stream.dsn.auto_setup:
            self.stream.create_group(partition, self.group, after=position)
        self.stream.rewind(partition, self.group, after=position)

    def _read(self) -> set[int]:
        """Deliver the stream's next entries, and return their partitions; wait for them only if nothing else is due."""
        is_complete = self._first.claims.keys() == self.ownership.assigned
        block_seconds = self.limits.block_seconds if is_complete else POLL_SECONDS
        with self.shutdown.interruptible():
            by_partition = self.stream.read(
                self.group,
                self.ownership.name,
                list(self._first.claims),
                count=min(self._fetch_size.count, self.limits.events_left),
                block_seconds=0 if self._subscriptions.have_work else block_seconds,
            )
        for partition, entries in by_partition.items():
            self._fetch_size.adapt(entries)
            self._consume(self._first.claims[partition], entries)
        if not by_partition:
            self._first.delivery.settle()
        return set(by_partition)

    def _consume(self, claim: Claim, entries: Sequence[Entry]) -> None:
        self._count_foreign(claim.partition, entries)
        unread = self._first.unread(claim.partition, [entry.envelope for entry in entries if entry.envelope])
        unread_ids = {f"{position_of(envelope)}-0" for envelope in unread}
        settled = [entry.id for entry in entries if entry.id not in unread_ids]
        if not self._first.deliver_from_stream(claim.partition, unread):
            self._catch_up(claim.partition, to=position_of(unread[-1]))
            self._first.delivery.settle()
            settled = [entry.id for entry in entries]  # Some may have been compacted away meanwhile.
        if settled:
            self.stream.acknowledge(claim.partition, self.group, settled)

    def _count_foreign(self, partition: int, entries: Sequence[Entry]) -> None:
        """Count the entries that are not ours; what they have replaced is read from the log, as if it were missing."""
        if number := sum(entry.envelope is None for entry in entries):
            count_foreign_entries(partition, number)
            self._foreign_log.error(f"{self.group} ignores entries of partition {partition} that are not ours")

    def _settled(self, claim: Claim, batch: Batch) -> None:
        """Acknowledge last: after a crash before it an event is handled twice, never zero times."""
        self.stream.acknowledge(claim.partition, self.group, [f"{position_of(envelope)}-0" for envelope in batch])

    def _check_beyond_stream(self, read: Set[int]) -> set[int]:
        """Check what the stream does not tell: a lost end, dead letters to retry, a target that is gone.

        A partition in `read`, which was just read, has not lost its end. Return the partitions that had lost it.
        """
        self.subscriber.check(self._first.claims.keys())
        behind = set()
        for partition in self._first.claims.keys() - read:
            if self._subscriptions.was_moved(partition):
                self._take_over(partition)  # At the checkpoint that a restored database has.
            last = log.last_position(partition)
            if self._first.is_behind(partition, last):
                behind.add(partition)
                self._catch_up(partition, to=last)
        for subscription in self._subscriptions:
            subscription.delivery.settle()
            for claim in subscription.claims.values():
                while subscription.delivery.retry_letter(claim):
                    self._check_whether_to_stop()
        return behind

    def _catch_up(self, partition: int, *, to: int) -> None:
        """Deliver the log's events up to the position or the log's end, unless the group is paused."""
        first = self._first
        while not self.ownership.is_paused and first.is_behind(partition, to) and first.deliver_from_log(partition):
            self._check_whether_to_stop()

    def _back_off(self, error: Exception) -> None:
        pause = self._backoff.fail(error)
        self.limits.failed += 1
        reason = f"{type(error).__name__}: {text_of(error)}"
        logger.warning("%s tries again in %.1f s: %s", self.group, pause, reason)
        self.ownership.condition = Condition(RETRYING, reason, timezone.now() + timedelta(seconds=pause))
        connections.close_all()
        self._wait(pause)

    def _wait(self, seconds: float) -> None:
        """Wait that many seconds; meanwhile release the partitions that others should own, and stop if asked to."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check_whether_to_stop()
            self._release_to_others()
            self.shutdown.sleep(min(left, POLL_SECONDS))

    def _release_to_others(self) -> None:
        """Abandon what is in flight after a failure, and release the leases that another process should have."""
        others = self.ownership.epochs.keys() - self.ownership.assigned
        if others:
            self._subscriptions.close()
        try:
            for partition in others:
                self.ownership.release(partition)
        except Error:
            connections.close_all()  # Tried again at the next look; the heartbeat thread logs the outage.

    def _shut_down(self) -> None:
        try:
            self._subscriptions.settle()
            self.ownership.leave()
        except (EventError, Error) as error:
            logger.warning("%s can't release its leases, which expire instead: %s", self.group, error)
        self._subscriptions.close()
        self.subscriber.close()
