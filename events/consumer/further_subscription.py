"""Follow the first target in the log with a further one, for which no step of the consumer waits.

In:   how far the first target has come.
Out:  batches of the log, begun where the target has room.
Next: events/consumer/delivery.py
"""

import logging
import time
from collections.abc import Mapping

from events.consumer.subscription import Subscription
from events.correlation import correlated, ids_of
from events.exceptions import RetryLater
from events.groups.ownership import Ownership
from events.measuring.catalogue import RETRIED
from events.processes.backoff import Backoff
from events.processes.limits import Limits
from events.subscriber import Subscriber

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 0.2


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
