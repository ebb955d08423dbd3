"""Run one subscriber: own partitions, read the stream, fill its gaps, acknowledge last, retry after failures.

In:   entries of the stream.
Out:  the entries of the partitions that this process owns, for each target of the subscriber.
Next: events/consumer/subscriptions.py
"""

import logging
import time
from datetime import timedelta
from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.utils import timezone

from events.consumer.further_subscription import FurtherSubscription
from events.consumer.group_reader import GroupReader
from events.consumer.source import Source
from events.consumer.subscription import Subscription
from events.consumer.subscriptions import Subscriptions
from events.consumer.turns import Turns, Work
from events.correlation import correlated, ids_of
from events.exceptions import EventError, LeaseLost, text_of
from events.forgotten import expect_nobody_returned
from events.groups.ownership import CONSUMING, PAUSED, RETRYING, STANDING_BY, Condition, Ownership
from events.measuring.catalogue import RETRIED, begin_group
from events.models import Partition
from events.processes.backoff import Backoff
from events.processes.limits import Limits
from events.processes.migrations import expect_migrated
from events.processes.shutdown import Interrupted, Shutdown
from events.processes.timer import Timer
from events.stream.interface import Stream
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
BUSY_SECONDS = 0.02
"""How long to wait for the stream while a further target is at work, which may need its next batch."""


class Consumer:
    """One process of a consumer group.

    The checkpoint in the database is the truth; the stream is only a fast way to the events after it. Entries at or
    below the checkpoint are skipped, and positions that the stream lacks are read from the log. After a failure
    everything is opened again: partitions are acquired, checkpoints loaded, and Redis's groups set back to them.
    """

    subscriptions_kind = Subscriptions

    def __init__(
        self, subscriber: Subscriber, stream: Stream, ownership: Ownership, *, shutdown: Shutdown, limits: Limits
    ) -> None:
        self.group = ownership.group
        self.subscriber = subscriber
        self.ownership = ownership
        self.shutdown = shutdown
        self.limits = limits
        self._reader = GroupReader(stream, ownership.group, ownership.name)
        self._subscriptions = self.subscriptions_kind(subscriber, ownership, limits)
        self._turns = Turns()
        self._look = Timer()
        self._look_at_held = Timer()
        self._backoff = Backoff()
        begin_group(self.group)

    def run(self, *, until_idle: bool = False) -> None:
        """Consume until the shutdown or a limit, or until the end of the log; retry after failures.

        Raise ImproperlyConfigured if the settings must be corrected before the subscriber can be opened.
        """
        try:
            while failure := self._run_until_failure(until_idle=until_idle):
                self._back_off(failure)
        except Interrupted:
            logger.info("%s stops", self.group)
            _close_sessions()  # The wait may have ended in the middle of a query.
        finally:
            self._shut_down()

    def _run_until_failure(self, *, until_idle: bool) -> Exception | None:
        try:
            expect_migrated()  # Else handlers would fail on old tables, and their events would be parked.
            expect_nobody_returned()
            self._open()
            self.ownership.join()
            while self._step() or not (until_idle and self._subscriptions.reached_the_end()):
                self._backoff.succeed()
                self.ownership.health.succeed()
        except ImproperlyConfigured:
            raise
        except (EventError, Error, Partition.DoesNotExist) as error:  # A restored log may have fewer partitions.
            return error
        except Exception as error:  # The process's outermost loop: a bug in a handler must not end it.
            with correlated(ids_of(error)):
                logger.exception("%s failed", self.group)
            return error
        return None

    def _open(self) -> None:
        self._subscriptions.open()
        self._source = Source(self._first, self._reader, self.limits, self.shutdown)

    @property
    def _first(self) -> Subscription:
        """The subscription that reads the stream."""
        return self._subscriptions.first

    def _step(self) -> bool:
        """Do one bounded step of the work whose turn it is, or wait for work; tell whether there was any.

        So no backlog keeps a stop, a pause, another process or other work waiting for longer than one step.
        """
        self._check_whether_to_stop()
        self.ownership.heartbeat_if_due()
        self._follow_assignment()
        if not self._may_consume():
            self.ownership.wait_for_heartbeat(self.shutdown, self.limits.block_seconds)
            return False
        self._look_around()
        has_worked = self._turns.take(self._works()) or self._wait_for_work()
        self._acknowledge()
        return has_worked

    def _works(self) -> list[Work]:
        further = [partial(self._feed, subscription) for subscription in self._subscriptions.further]
        return [self._source.read_stream, self._source.read_log, *further, self._first.retry_letter]

    def _feed(self, further: FurtherSubscription) -> bool:
        return further.follow(self._first.positions, at_rest=self._source.is_at_rest)

    def _wait_for_work(self) -> bool:
        """Wait for the stream, and deliver what it has."""
        is_complete = self._first.claims.keys() == self.ownership.assigned
        seconds = self.limits.block_seconds if is_complete else POLL_SECONDS
        return self._source.wait(BUSY_SECONDS if self._subscriptions.are_in_flight else seconds)

    def _look_around(self) -> None:
        """Look now and then for what the stream does not tell."""
        self._source.look_around()
        if self._look_at_held.is_due(POLL_SECONDS):
            self._subscriptions.begin_held()
        if self._look.is_due(self.limits.block_seconds):
            self.subscriber.check(self._first.claims.keys())
            self._subscriptions.follow_targets()
            self._subscriptions.look_for_letters()
            self._expect_unmoved_checkpoints()

    def _expect_unmoved_checkpoints(self) -> None:
        """Raise LeaseLost if the database was restored meanwhile: calls in flight, and what is cached, are older."""
        if self._subscriptions.were_moved():
            raise LeaseLost

    def _check_whether_to_stop(self) -> None:
        self.shutdown.check()
        reached = "the group was asked to stop" if self.ownership.must_stop else self.limits.reached()
        if reached:
            logger.info("%s: %s", self.group, reached)
            raise Interrupted

    def _follow_assignment(self) -> None:
        """Release the partitions that another process should own, and take over those that this one should."""
        if not all(map(self.ownership.owns, self._first.owned)):
            raise LeaseLost  # Also when idle: an operator may have set the group back.
        assigned = self.ownership.assigned
        for partition in self.ownership.epochs.keys() - assigned:
            self._subscriptions.release(partition)
            self._acknowledge()
            self._reader.release(partition)
            self.ownership.release(partition)
        for partition in sorted(assigned - self._first.owned):
            if self.ownership.acquire(partition):
                self._reader.take_over(partition, self._subscriptions.take_over(partition))

    def _may_consume(self) -> bool:
        """Tell whether this process owns partitions and is not paused; announce its condition."""
        state = PAUSED if self.ownership.is_paused else CONSUMING if self._first.owned else STANDING_BY
        if state == CONSUMING:
            self.ownership.condition = Condition(state, self._reader.why_away)
            return True
        self._settle()  # First: the condition `paused` promises that nothing is in flight.
        self.ownership.condition = Condition(state)
        return False

    def _settle(self) -> None:
        self._subscriptions.settle()
        self.subscriber.settle()
        self._acknowledge()

    def _acknowledge(self) -> None:
        """Acknowledge last: after a crash before it an event is handled twice, never zero times."""
        self._reader.acknowledge(self._subscriptions.settled_to)

    def _back_off(self, error: Exception) -> None:
        pause = self._backoff.fail(error)
        RETRIED.add(1, self.group)
        self.limits.failed += 1
        reason = f"{type(error).__name__}: {text_of(error)}"
        with correlated(ids_of(error)):
            logger.warning("%s tries again in %.1f s: %s", self.group, pause, reason)
        self.ownership.health.fail(time.monotonic())
        connections.close_all()
        self._wait(pause, Condition(RETRYING, reason, timezone.now() + timedelta(seconds=pause)))

    def _wait(self, seconds: float, retrying: Condition) -> None:
        """Wait that many seconds, or as long as the group is paused; release what others should own; obey a stop."""
        until = time.monotonic() + seconds
        while self.ownership.is_paused or time.monotonic() < until:
            self._check_whether_to_stop()
            self._release_to_others()
            if self.ownership.is_paused:
                self._subscriptions.close()  # First: the condition `paused` promises that nothing is in flight.
                self.subscriber.settle()
            self.ownership.condition = Condition(PAUSED) if self.ownership.is_paused else retrying
            left = until - time.monotonic()
            self.shutdown.sleep(min(left, POLL_SECONDS) if left > 0 else POLL_SECONDS)

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
            self._settle()
            self.ownership.leave()
        except (EventError, Error) as error:
            logger.warning("%s can't release its leases, which expire instead: %s", self.group, error)
        self._subscriptions.close()
        self.subscriber.close()


def _close_sessions() -> None:
    """Close this thread's database sessions; the next query opens another. A caller's transaction is left alone."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
