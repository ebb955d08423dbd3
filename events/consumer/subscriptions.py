"""The subscriptions of a group's targets: the first reads the stream, the further ones follow it in the log.

In:   partitions that this process acquires and releases.
Out:  the further targets get the events that the first one was given.
Next: events/consumer/subscription.py
"""

import logging
import time
from collections.abc import Iterator, Mapping

from events.consumer.further_subscription import FurtherSubscription
from events.consumer.subscription import Subscription
from events.dead_letters import parking as dead_letters
from events.groups import checkpoint
from events.groups.ownership import Ownership
from events.processes.limits import Limits
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

LEAVE_SECONDS = 2.0
"""How long calls that were begun are waited for; what a slow target has in flight then is delivered again."""


class Subscriptions:
    """The subscriber's own target comes first; each target has its own checkpoints."""

    first: Subscription
    further_kind = FurtherSubscription

    def __init__(self, subscriber: Subscriber, ownership: Ownership, limits: Limits) -> None:
        self.further: list[FurtherSubscription] = []
        self._subscriber = subscriber
        self._ownership = ownership
        self._limits = limits
        self._all: list[Subscription] = []
        self._dropped: list[Subscription] = []

    def open(self) -> None:
        """Open, or reopen, the subscriber and its further targets; raise what `Subscriber.open` does."""
        self.close()
        self.first = Subscription(self._subscriber, self._ownership, self._limits)
        self._all.append(self.first)
        for subscriber in self._subscriber.further_targets():
            self._add(subscriber)

    def follow_targets(self) -> None:
        """Feed the further targets that are new, and no longer those that are gone; raise what `open` does."""
        wanted = self._subscriber.further_targets()
        gone = [further for further in self.further if further.subscriber not in wanted]
        for further in gone:
            self._drop(further)
        known = [further.subscriber for further in self.further]
        new = [self._add(subscriber) for subscriber in wanted if subscriber not in known]
        for partition in self.first.owned:
            if gone:
                self._forget_lost(partition)
            for further in new:
                further.take_over(partition)

    def _add(self, subscriber: Subscriber) -> FurtherSubscription:
        further = self.further_kind(subscriber, self._ownership, self._limits)
        self.further.append(further)
        self._all.append(further)
        return further

    def _drop(self, further: FurtherSubscription) -> None:
        """Abandon what the target has in flight, without waiting for it."""
        further.delivery.abandon()
        self.further.remove(further)
        self._all.remove(further)
        self._dropped.append(further)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._all)

    @property
    def are_in_flight(self) -> bool:
        return any(subscription.delivery for subscription in self)

    @property
    def settled_to(self) -> Mapping[int, int]:
        """Return the position up to which the first target has settled each partition."""
        return self.first.delivery.settled_to if self._all else {}

    def take_over(self, partition: int) -> int:
        """Take over the partition for each target; return the first one's checkpoint, or raise LeaseLost."""
        self._forget_lost(partition)
        position, *_ = [subscription.take_over(partition) for subscription in self]
        return position

    def were_moved(self) -> bool:
        """Tell whether a checkpoint is not where this process has left it, or a partition has to wait again."""
        positions = checkpoint.positions_by_claim(self._ownership.group)
        return any(subscription.was_moved(positions) for subscription in self)

    def release(self, partition: int) -> None:
        """Settle what is in flight, and deliver nothing more of the partition."""
        self.settle()
        for subscription in self:
            subscription.release(partition)

    def begin_held(self) -> None:
        for subscription in self:
            subscription.begin_held()

    def reached_the_end(self) -> bool:
        """Tell whether all targets have reached the log's end, in the partitions of other processes too.

        None of them may have letters to retry.
        """
        if any(further.is_busy for further in self.further):
            return False
        return checkpoint.reached_the_end(self._ownership.group, [subscription.target for subscription in self])

    def look_for_letters(self) -> None:
        places = dead_letters.places_due(self._ownership.group)
        for subscription in self:
            subscription.look_for_letters(places)

    def settle(self) -> None:
        """Wait for what is in flight, but not for long if it was begun in the background."""
        until = time.monotonic() + LEAVE_SECONDS
        for subscription in self._all[:1]:
            subscription.settle()
        for further in self.further:
            further.settle_by(until)

    def close(self) -> None:
        for subscription in [*self._all, *self._dropped]:
            subscription.delivery.close()
        self.further.clear()
        self._all.clear()
        self._dropped.clear()

    def _forget_lost(self, partition: int) -> None:
        for target in checkpoint.other_targets(
            self._ownership.group, partition, [subscription.target for subscription in self]
        ):
            if not self._subscriber.has_target(target):
                logger.info("%s forgets target %s, which is gone", self._ownership.group, target)
                dead_letters.discard_all(self._ownership.group, partition, target)
                checkpoint.forget(self._ownership.group, target, partition=partition)
