"""The subscriptions of a group's targets: the first reads the stream, the further ones follow it in the log.

In:   partitions that this process acquires and releases.
Out:  the further targets get the events that the first one was given.
Next: events/consumer/subscription.py
"""

import logging
from collections.abc import Iterator, Mapping

from events.consumer.subscription import FurtherSubscription, Subscription
from events.dead_letters import parking as dead_letters
from events.groups import checkpoint
from events.groups.ownership import Ownership
from events.processes.limits import Limits
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)


class Subscriptions:
    """The subscriber's own target comes first; each target has its own checkpoints."""

    first: Subscription

    def __init__(self, subscriber: Subscriber, ownership: Ownership, limits: Limits) -> None:
        self.further: list[FurtherSubscription] = []
        self._subscriber = subscriber
        self._ownership = ownership
        self._limits = limits
        self._all: list[Subscription] = []

    def open(self) -> None:
        """Open, or reopen, the subscriber and its further targets; raise what `Subscriber.open` does."""
        self.close()
        self.first = Subscription(self._subscriber, self._ownership, self._limits)
        self._all.append(self.first)
        for subscriber in self._subscriber.further_targets():
            further = FurtherSubscription(subscriber, self._ownership, self._limits)
            self.further.append(further)
            self._all.append(further)

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

    def was_moved(self, partition: int) -> bool:
        """Tell whether a checkpoint is not where this process has left it, and nothing is in flight."""
        claims = [(subscription, subscription.claims.get(partition)) for subscription in self]
        return any(claim and subscription.delivery.was_moved(claim) for subscription, claim in claims)

    def release(self, partition: int) -> None:
        for subscription in self:
            subscription.release(partition)

    def reached_the_end(self) -> bool:
        """Tell whether all targets have reached the log's end, in the partitions of other processes too."""
        return checkpoint.reached_the_end(self._ownership.group, [subscription.target for subscription in self])

    def look_for_letters(self) -> None:
        for subscription in self:
            subscription.look_for_letters()

    def settle(self) -> None:
        for subscription in self:
            subscription.settle()

    def close(self) -> None:
        for subscription in self:
            subscription.delivery.close()
        self.further.clear()
        self._all.clear()

    def _forget_lost(self, partition: int) -> None:
        for target in checkpoint.other_targets(
            self._ownership.group, partition, [subscription.target for subscription in self]
        ):
            if not self._subscriber.has_target(target):
                logger.info("%s forgets target %s, which is gone", self._ownership.group, target)
                dead_letters.discard_all(self._ownership.group, partition, target)
                checkpoint.forget(self._ownership.group, target, partition=partition)
