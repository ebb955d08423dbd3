"""Start the calls of the subscriber, as many at a time as it lets overlap, and settle them in order.

In:   batches of the partitions that this process owns, in order; dead letters to retry.
Out:  calls, and their results.
Next: events/consumer/settling.py
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import NamedTuple

from django.db import close_old_connections

from events.consumer.calls import HandlerCall
from events.consumer.settling import Batch, Result, Settling
from events.dead_letters import parking as dead_letters
from events.groups.checkpoint import Claim
from events.models import LogEntry
from events.subscriber import Subscriber


class _InFlight(NamedTuple):
    """A call of the subscriber, and how to settle it."""

    future: Future[None] | None
    """None: the call is made when it is settled."""
    settle: Callable[[], None]

    @property
    def is_done(self) -> bool:
        return self.future is None or self.future.done()


class Delivery:
    """The batches in flight, as many as the subscriber lets overlap; they are settled in the order of delivery.

    Every method raises transient failures: the caller then abandons this, and delivers again what is not settled.
    """

    def __init__(self, subscriber: Subscriber, *, most: int, waits: bool = True) -> None:
        """Without `waits` only `settle` waits for the subscriber: the caller must ask `has_room` first."""
        self._subscriber = subscriber
        self._waits = waits
        self._settling = Settling(subscriber, most=most)
        self._in_flight: deque[_InFlight] = deque()
        self._abandoned: list[Future[None]] = []
        self._threads = self._start_threads()

    def __bool__(self) -> bool:
        return bool(self._in_flight)

    @property
    def events(self) -> int:
        """How many events the next batch should have."""
        return self._settling.pace.events

    @property
    def settled_to(self) -> dict[int, int]:
        """The position up to which all is settled, by partition, where anything was."""
        return self._settling.settled_to

    @property
    def has_room(self) -> bool:
        """Whether another batch can be delivered without waiting; no call that was abandoned may still run."""
        return len(self._in_flight) < self._subscriber.overlap and all(map(Future.done, self._abandoned))

    def deliver(self, claim: Claim, batch: Batch) -> None:
        """Pass on the next events of a partition; first settle the oldest batches if too many are in flight."""
        if suspects := self._settling.suspects_of(claim, batch):
            self.settle()
            self._settling.settle_suspects(claim, suspects)
        if rest := batch[len(suspects) :]:
            self._start(self._settling.call(claim, rest), partial(self._settling.settle, claim, rest))
        if self._waits:
            self.settle(leaving=self._subscriber.overlap - 1)

    def settle(self, *, leaving: int = 0) -> None:
        """Settle the oldest batches until `leaving` are left."""
        while len(self._in_flight) > leaving:
            self._settle_oldest()

    def settle_finished(self) -> bool:
        """Settle the oldest batches that need not be waited for; tell whether there were any."""
        before = len(self._in_flight)
        while self._in_flight and self._in_flight[0].is_done:
            self._settle_oldest()
        return len(self._in_flight) < before

    def ends_by(self, until: float) -> bool:
        """Wait for the calls in flight, but no longer than until then; tell whether they have ended."""
        running = [call.future for call in self._in_flight if call.future]
        wait(running, timeout=max(0.0, until - time.monotonic()))
        return all(map(Future.done, running))

    def _settle_oldest(self) -> None:
        """Settle the oldest batch; if that fails, abandon the later ones, which would move the checkpoint past it."""
        try:
            self._in_flight.popleft().settle()
        except BaseException:
            self.abandon()
            raise

    def retry_letter(self, claim: Claim) -> bool:
        """Deliver a dead letter that is marked to be retried, or queued behind none any more; tell if there was one.

        Nothing else may be in flight: the letter would be found again.
        """
        settled_to = self.settled_to[claim.partition]
        letter = dead_letters.due(claim, settled_to=settled_to, ordered=self._subscriber.ordered)
        if letter is None:
            return False
        try:
            envelope = dead_letters.envelope_of(letter)
        except LogEntry.DoesNotExist as error:
            dead_letters.fail(claim, letter, error)
            return True
        call = self._settling.call_for_letter(claim, envelope, letter)
        self._start(call, partial(self._settling.settle_letter, claim, letter))
        if self._waits:
            self.settle()
        return True

    def was_moved(self, claim: Claim, positions: Mapping[Claim, int]) -> bool:
        """Tell whether the checkpoint is not where this has left it: the database may have been restored."""
        return not self._in_flight and positions.get(claim) != self.settled_to[claim.partition]

    def abandon(self) -> None:
        """Settle nothing that is in flight: its batches will be delivered again, once their calls have ended."""
        self._abandoned += [call.future for call in self._in_flight if call.future and not call.future.cancel()]
        self._in_flight.clear()

    def wait_for_abandoned(self) -> None:
        """Wait for the calls that were abandoned."""
        wait(self._abandoned)
        self._abandoned.clear()

    def close(self) -> None:
        """Abandon what is in flight, wait for the calls that run, and end the threads."""
        self.abandon()
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        self.wait_for_abandoned()

    def _start_threads(self) -> ThreadPoolExecutor | None:
        """Return the threads in which the subscriber is called; a transaction needs the caller's connection."""
        overlap = self._subscriber.overlap
        is_called_here = overlap == 1 and (self._waits or self._subscriber.transactional)
        return None if is_called_here else ThreadPoolExecutor(overlap)

    def _start(self, call: HandlerCall, settle: Callable[[Result], None]) -> None:
        """Start the call if there are threads; `settle` gets the call, or the wait for its result."""
        future = None
        if self._threads and call.is_needed:
            future = call.begin() or self._threads.submit(_closing_connections, call)
        self._in_flight.append(_InFlight(future, partial(settle, future.result if future else call)))


def _closing_connections(call: Result) -> None:
    """Call in a thread, of whose database connections nobody else takes care."""
    try:
        call()
    finally:
        close_old_connections()
