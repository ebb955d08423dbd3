"""The subscriptions of a group's targets: the first reads the stream, the further ones follow it in the log.

In:   partitions that this process acquires and releases.
Out:  the further targets get the events that the first one was given.
Next: events/consumer/subscription.py
"""

import logging
import time
from collections.abc import Callable, Iterator

from events.consumer.delivery import Batch
from events.consumer.subscription import Subscription
from events.dead_letters import parking as dead_letters
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.processes.limits import Limits
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 0.2


class Subscriptions:
    """The subscriber's own target comes first; each target has its own checkpoints."""

    def __init__(
        self, subscriber: Subscriber, ownership: Ownership, limits: Limits, settled: Callable[[Claim, Batch], None]
    ) -> None:
        """`settled` is called for each batch of the first target, after its checkpoint has moved."""
        self._subscriber = subscriber
        self._ownership = ownership
        self._limits = limits
        self._settled = settled
        self._all: list[Subscription] = []
        self._fed_at = 0.0

    def open(self) -> None:
        """Open, or reopen, the subscriber and its further targets; raise what `Subscriber.open` does."""
        self.close()
        self._all = [Subscription(self._subscriber, self._ownership, self._limits, settled=self._settled)]
        for further in self._subscriber.further_targets():
            self._all.append(Subscription(further, self._ownership, self._limits.without_end()))

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._all)

    @property
    def first(self) -> Subscription:
        return self._all[0]

    @property
    def have_work(self) -> bool:
        """Whether there is more to do than to read the stream: a batch is in flight, or a further target is behind."""
        in_flight = any(subscription.delivery for subscription in self)
        return in_flight or any(further.can_catch_up_with(self.first) for further in self._all[1:])

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

    def feed_further_targets(self, *, at_rest: bool) -> bool:
        """Deliver one batch of the log to each further target that is behind the first; tell whether one was.

        If there is other work, they wait for a whole batch, but at most 0.2 s.
        """
        is_due = at_rest or time.monotonic() - self._fed_at >= MAX_WAIT_SECONDS
        if is_due:
            self._fed_at = time.monotonic()
        least = 1 if is_due else self._limits.batch_size
        found = [further.catch_up_with(self.first, least=least) for further in self._all[1:]]
        return any(found)

    def reached_the_end(self) -> bool:
        """Tell whether all targets have reached the log's end, in the partitions of other processes too."""
        return checkpoint.reached_the_end(self._ownership.group, [subscription.target for subscription in self])

    def settle(self) -> None:
        for subscription in self:
            subscription.delivery.settle()

    def close(self) -> None:
        for subscription in self:
            subscription.delivery.close()

    def _forget_lost(self, partition: int) -> None:
        for target in checkpoint.other_targets(
            self._ownership.group, partition, [subscription.target for subscription in self]
        ):
            if not self._subscriber.has_target(target):
                logger.info("%s forgets target %s, which is gone", self._ownership.group, target)
                dead_letters.discard_all(self._ownership.group, partition, target)
                checkpoint.forget(self._ownership.group, target, partition=partition)
