"""Deliver to one target of a group, in order and without gaps, in the partitions that this process owns.

In:   entries of the stream, or events of the log.
Out:  batches without gaps.
Next: events/consumer/delivery.py
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence

from events import log
from events.consumer.delivery import Delivery
from events.consumer.settling import Batch
from events.consumer.turns import next_in_turn
from events.correlation import correlated, ids_of
from events.envelope import Envelope
from events.exceptions import Diverged, LeaseLost, RetryLater
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.measuring.catalogue import READ, RETRIED
from events.processes.backoff import Backoff
from events.processes.limits import Limits
from events.relay.divergence import REMEDY, expect_undiverged
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 0.2


class Subscription:
    """One target's place in each partition. To create one opens the target; it raises what `Subscriber.open` does.

    Each method that delivers does one bounded step: a batch of one partition, or one dead letter.
    """

    def __init__(self, subscriber: Subscriber, ownership: Ownership, limits: Limits, *, waits: bool = True) -> None:
        """Without `waits` no step waits for the target, so that it delays no other."""
        self.subscriber = subscriber
        self.target = subscriber.open()
        self.delivery = Delivery(subscriber, most=limits.batch_size, waits=waits)
        self.claims: dict[int, Claim] = {}
        self._ownership = ownership
        self._limits = limits
        self._read_to: dict[int, int] = {}
        self._last_partition = -1
        self._may_have_letters: set[int] = set()

    @property
    def positions(self) -> Mapping[int, int]:
        """Return how far each partition was read."""
        return {partition: self._read_to[partition] for partition in self.claims}

    @property
    def most_events(self) -> int:
        """Return how many events a step may deliver."""
        return min(self.delivery.events, self._limits.events_left)

    def take_over(self, partition: int) -> int:
        """Start at the checkpoint of a partition that this process has acquired, and return it; raise LeaseLost."""
        claim = Claim(self._ownership.group, self.target, partition, self._ownership.epochs[partition])
        self.claims[partition] = claim
        self._load(claim)
        return self._read_to[partition]

    def _load(self, claim: Claim) -> None:
        partition = claim.partition
        new_at = log.last_position(partition) if self.subscriber.begins_at_end else 0
        self._read_to[partition] = self.delivery.settled_to[partition] = checkpoint.load(claim, new_at=new_at)

    def moved(self, positions: Mapping[Claim, int]) -> list[int]:
        """Return the partitions whose checkpoint is not where this has left it, if nothing is in flight."""
        return [number for number, claim in self.claims.items() if self.delivery.was_moved(claim, positions)]

    def settle(self) -> None:
        """Wait for what is in flight."""
        self.delivery.settle()

    def partitions_behind(self, positions: Mapping[int, int], *, least: int = 1) -> list[int]:
        """Return the partitions in which at least so many positions are left up to the given ones."""
        return [number for number in self.claims if positions.get(number, 0) - self._read_to[number] >= least]

    def deliver_from_stream(self, partition: int, envelopes: Sequence[Envelope]) -> bool:
        """Deliver those events of the stream that were not read yet; if it lacks any, deliver nothing and return False.

        Raise Diverged for events that the log does not have: the checkpoint would pass the log's own events or end.
        """
        before = self._read_to[partition]
        unread = [envelope for envelope in envelopes if position_of(envelope) > before]
        if [position_of(envelope) for envelope in unread] != list(range(before + 1, before + 1 + len(unread))):
            return False
        if unread and not log.knows(partition, position_of(unread[-1]), str(unread[-1].id)):
            raise Diverged(
                f"the stream has {unread[-1].id} at {position_of(unread[-1])}, but the log does not; {REMEDY}"
            )
        self._deliver(partition, unread)
        READ.add(len(unread), self._ownership.group, "stream")
        return True

    def deliver_from_log(self, partitions: Collection[int]) -> tuple[int, bool]:
        """Deliver the log's next batch of the partition whose turn it is; return it, and whether there was a batch.

        Raise Diverged if the log was restored.
        """
        partition = self._last_partition = next_in_turn(partitions, self._last_partition)
        expect_undiverged(partition)
        batch = log.read_after(partition, self._read_to[partition], limit=self.most_events)
        self._deliver(partition, batch)
        READ.add(len(batch), self._ownership.group, "log")
        return partition, bool(batch)

    def count_fitting(self, partition: int) -> int:
        """Return how many of the log's next events fit into one answer of the stream."""
        return log.count_fitting(partition, self._read_to[partition], limit=self._limits.batch_size)

    def look_for_letters(self, places: Collection[tuple[str, int]]) -> None:
        """Let the next steps look for dead letters to retry, where these targets and partitions are its own."""
        self._may_have_letters = {partition for partition in self.claims if (self.target, partition) in places}

    def retry_letter(self) -> bool:
        """Retry a dead letter, once nothing else is in flight; tell whether there was one."""
        while partitions := self._may_have_letters & self.claims.keys():
            self.delivery.settle()
            partition = self._last_partition = next_in_turn(partitions, self._last_partition)
            if self.delivery.retry_letter(self.claims[partition]):
                return True
            self._may_have_letters.discard(partition)
        return False

    def _deliver(self, partition: int, batch: Batch) -> None:
        batch = batch[: self._limits.events_left]
        if not batch:
            return
        self._ownership.heartbeat_if_due()  # If the process was stopped, this notices that its leases were taken.
        if not self._ownership.owns(partition):
            raise LeaseLost
        self._read_to[partition] = position_of(batch[-1])
        self._limits.handled += len(batch)
        self.delivery.deliver(self.claims[partition], batch)


class FurtherSubscription(Subscription):
    """A further target: it follows the first one in the log, and no step waits for it."""

    def __init__(self, subscriber: Subscriber, ownership: Ownership, limits: Limits) -> None:
        super().__init__(subscriber, ownership, limits.without_end(), waits=False)
        self._resume_at = 0.0
        self._fed_at = 0.0
        self._is_letters_turn = False
        self._backoff = Backoff()
        self._is_begun = type(subscriber).begin is not Subscriber.begin

    def follow(self, positions: Mapping[int, int], *, at_rest: bool) -> bool:
        """Settle what the target has handled, and start a batch or a letter if it has room; tell whether one started.

        If there is other work, a batch waits until it is whole, but at most 0.2 s. A target that can't take it now is
        left alone for a while.
        """
        if time.monotonic() < self._resume_at:
            return False
        try:
            self._settle_finished()
            has_started = self.delivery.has_room and self._start(positions, at_rest=at_rest)
            self._settle_finished()
        except RetryLater as error:
            self._back_off(error)
            return False
        return has_started

    @property
    def is_busy(self) -> bool:
        """Whether anything is in flight, or a letter may have to be retried."""
        return bool(self.delivery or self._may_have_letters)

    def _settle_finished(self) -> None:
        if self.delivery.settle_finished():
            self._backoff.succeed()

    def settle_by(self, until: float) -> None:
        """Wait for what is in flight, but no longer than until then for a call that is begun in the background.

        What this target can't take now is delivered again later.
        """
        try:
            if self._is_begun and not self.delivery.ends_by(until):
                self._return_to_checkpoints()
            else:
                self.settle()
        except RetryLater as error:
            self._back_off(error)
        self.delivery.wait_for_abandoned()

    def _start(self, positions: Mapping[int, int], *, at_rest: bool) -> bool:
        is_due = at_rest or time.monotonic() - self._fed_at >= MAX_WAIT_SECONDS
        behind = self.partitions_behind(positions, least=1 if is_due else self.most_events)
        if self._may_have_letters and (self._is_letters_turn or not behind):
            if self.delivery:
                return False  # A letter is retried alone.
            self._is_letters_turn = False
            if self.retry_letter():
                return True
        self._is_letters_turn = True
        if is_due:
            self._fed_at = time.monotonic()
        return bool(behind) and self.deliver_from_log(behind)[1]

    def _back_off(self, error: RetryLater) -> None:
        """Return to the checkpoints, and try again after a pause."""
        RETRIED.add(1, self._ownership.group)
        pause = self._backoff.fail(error)
        with correlated(ids_of(error)):
            logger.warning("target %s is tried again in %.1f s: %s", self.target, pause, error)
        self._resume_at = time.monotonic() + pause
        self._return_to_checkpoints()

    def _return_to_checkpoints(self) -> None:
        self.delivery.abandon()
        for claim in self.claims.values():
            self._load(claim)


def position_of(envelope: Envelope) -> int:
    return envelope.position or 0
