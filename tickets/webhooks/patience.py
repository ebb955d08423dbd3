"""Decide how long a message that one receiver does not take is tried again. No I/O.

A receiver that takes other messages meanwhile works: then the message is at fault, and parked after a while. A receiver
that takes none is tried for as long as it fails; only if it answers that it refuses is a message parked after some
minutes, one at a time, since no other may ever be sent that would be taken.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tickets.webhooks.answers import Failure, MessageRefused, ReceiverFails, ReceiverGone, ReceiverRefuses

REFUSED_SECONDS = 300.0
"""How long a message is tried that is refused like all others (401, 403, 404, 405 and the like)."""
REFUSED_ALONE_SECONDS = 60.0
"""How long it is tried if others are taken meanwhile."""
FAILED_ALONE_SECONDS = 300.0
"""How long a message is tried that fails in another way (5xx, no answer), while others are taken."""
FEWEST_ATTEMPTS = 5
"""A message is tried so often, however long ago the first attempt was: the consumer may have been stopped meanwhile."""
MOST_REMEMBERED = 2000


@dataclass
class _Failing:
    """A message that was not taken."""

    since: float
    taken: int
    """How many others had been taken at its last attempt."""
    attempts: int = 0
    alone_since: float | None = None
    """When it failed first after another one had been taken."""


class Patience:
    """What is known of the messages that one receiver has not taken."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken = 0
        self._failing: OrderedDict[str, _Failing] = OrderedDict()

    def take(self, webhook_id: str) -> int:
        """Note that the message was taken; return how many attempts it took."""
        self._taken += 1
        failed = self._failing.pop(webhook_id, None)
        return failed.attempts + 1 if failed else 1

    def attempts(self, webhook_id: str) -> int:
        return self._failing[webhook_id].attempts if webhook_id in self._failing else 0

    def fail(self, webhook_id: str, failure: Failure) -> Failure:
        """Note that the message was not taken; return the failure, or that the message is given up."""
        now = self._clock()
        message = self._failing.setdefault(webhook_id, _Failing(since=now, taken=self._taken))
        self._forget_oldest()
        message.attempts += 1
        if message.alone_since is None and self._taken > message.taken:
            message.alone_since = now
        message.taken = self._taken
        if isinstance(failure, ReceiverFails) and self._is_given_up(message, failure, now):
            return MessageRefused(f"{failure}, after {message.attempts} attempts", status=failure.status)
        return failure

    def _is_given_up(self, message: _Failing, failure: ReceiverFails, now: float) -> bool:
        if message.attempts < FEWEST_ATTEMPTS or isinstance(failure, ReceiverGone):
            return False
        refuses = isinstance(failure, ReceiverRefuses)
        alone_seconds = 0.0 if message.alone_since is None else now - message.alone_since
        if alone_seconds >= (REFUSED_ALONE_SECONDS if refuses else FAILED_ALONE_SECONDS):
            return True
        return refuses and now - message.since >= REFUSED_SECONDS

    def _forget_oldest(self) -> None:
        """Keep no more than some: a partition's new owner may have sent the others."""
        while len(self._failing) > MOST_REMEMBERED:
            self._failing.popitem(last=False)
