"""Deliver to one target of a group, in order and without gaps, in the partitions that this process owns.

In:   entries of the stream, or events of the log.
Out:  batches without gaps.
Next: events/consumer/delivery.py
"""

import logging
import time
from collections.abc import Callable, Sequence

from events import log
from events.consumer.delivery import Batch, Delivery
from events.envelope import Envelope
from events.exceptions import Diverged, LeaseLost, RetryLater
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.processes.limits import Limits
from events.relay.divergence import REMEDY, expect_undiverged
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0


class Subscription:
    """One target's place in each partition. To create one opens the target; it raises what `Subscriber.open` does."""

    def __init__(
        self,
        subscriber: Subscriber,
        ownership: Ownership,
        limits: Limits,
        *,
        settled: Callable[[Claim, Batch], None] = lambda _claim, _batch: None,
    ) -> None:
        self.target = subscriber.open()
        self.delivery = Delivery(subscriber, settled)
        self.claims: dict[int, Claim] = {}
        self._ownership = ownership
        self._limits = limits
        self._read_to: dict[int, int] = {}
        self._resume_at = 0.0

    def take_over(self, partition: int) -> int:
        """Start at the checkpoint of a partition that this process has acquired, and return it; raise LeaseLost."""
        claim = Claim(self._ownership.group, self.target, partition, self._ownership.epochs[partition])
        self.claims[partition] = claim
        return self._start(claim)

    def _start(self, claim: Claim) -> int:
        self._read_to[claim.partition] = position = checkpoint.load(claim)
        self.delivery.start(claim, position)
        return position

    def release(self, partition: int) -> None:
        """Settle what is in flight, and deliver nothing more of the partition."""
        self.delivery.settle()
        self.claims.pop(partition, None)

    def unread(self, partition: int, envelopes: Sequence[Envelope]) -> Batch:
        """Leave out the events that were read already."""
        return [envelope for envelope in envelopes if position_of(envelope) > self._read_to[partition]]

    def is_behind(self, partition: int, position: int) -> bool:
        return self._read_to[partition] < position

    def deliver_from_stream(self, partition: int, unread: Batch) -> bool:
        """Deliver unread events of the stream, unless it lacks any: then deliver nothing and return False.

        Raise Diverged for events that the log does not have: the checkpoint would pass the log's own events or end.
        """
        before = self._read_to[partition]
        if [position_of(envelope) for envelope in unread] != list(range(before + 1, before + 1 + len(unread))):
            return False
        if unread and not log.knows(partition, position_of(unread[-1]), str(unread[-1].id)):
            raise Diverged(
                f"the stream has {unread[-1].id} at {position_of(unread[-1])}, but the log does not; {REMEDY}"
            )
        self._deliver(partition, unread)
        return True

    def deliver_from_log(self, partition: int) -> bool:
        """Deliver the log's next batch; tell whether there was one. Raise Diverged if the log was restored."""
        expect_undiverged(partition)
        limit = min(self._limits.batch_size, self._limits.events_left)
        batch = log.read_after(partition, self._read_to[partition], limit=limit)
        self._deliver(partition, batch)
        return bool(batch)

    def catch_up_with(self, first: "Subscription", *, least: int) -> bool:
        """Deliver a batch of each partition in which the first target is `least` ahead; tell whether there was one.

        A target that can't take it now is skipped for a while, so that it does not delay the others.
        """
        if time.monotonic() < self._resume_at:
            return False
        try:
            behind = [partition for partition in self.claims if first.is_ahead_of(self, partition, by=least)]
            found = [self.deliver_from_log(partition) for partition in behind]
            if least == 1 and not behind:
                self.delivery.settle()
        except RetryLater as error:
            self._back_off(error)
            return False
        return any(found)

    def can_catch_up_with(self, first: "Subscription") -> bool:
        """Tell whether the first target is ahead, and this one is not backing off."""
        is_backing_off = time.monotonic() < self._resume_at
        return not is_backing_off and any(first.is_ahead_of(self, partition, by=1) for partition in self.claims)

    def is_ahead_of(self, other: "Subscription", partition: int, *, by: int) -> bool:
        return other.is_behind(partition, self._read_to[partition] + 1 - by)

    def _back_off(self, error: RetryLater) -> None:
        """Return to the checkpoints, and try again after a pause."""
        logger.warning("target %s is tried again in %.0f s: %s", self.target, PAUSE_SECONDS, error)
        self._resume_at = time.monotonic() + PAUSE_SECONDS
        self.delivery.abandon()
        for claim in self.claims.values():
            self._start(claim)

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


def position_of(envelope: Envelope) -> int:
    return envelope.position or 0
