"""Pass events to the subscriber and settle each batch: once all is handled or parked, the checkpoint moves.

In:   batches of the partitions that this process owns, in order.
Out:  calls of the subscriber, dead letters, and checkpoints: the highest position up to which all is settled.
Next: readmodel/subscriber.py
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import filterfalse
from typing import NamedTuple
from uuid import UUID

from django.db import close_old_connections

from events.consumer.calls import calling
from events.consumer.pace import Pace
from events.database import atomic
from events.dead_letters import parking as dead_letters
from events.envelope import Envelope
from events.exceptions import AttemptFailed, HandlerHung, PartlyHandled, Unprocessable, describe
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.models import DeadLetter, LogEntry
from events.subscriber import Subscriber
from events.transient import is_transient

logger = logging.getLogger(__name__)

type Batch = Sequence[Envelope]
type Call = Callable[[], None]


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
        self._pace = Pace(most)
        self._in_flight: deque[_InFlight] = deque()
        self._abandoned: list[Future[None]] = []
        self._threads = self._start_threads()
        self._letters_end: dict[Claim, int] = {}
        self._hung_to: dict[Claim, int] = {}
        self.settled_to: dict[int, int] = {}
        """The position up to which all is settled, by partition, where anything was."""

    def __bool__(self) -> bool:
        return bool(self._in_flight)

    @property
    def events(self) -> int:
        """How many events the next batch should have."""
        return self._pace.events

    @property
    def has_room(self) -> bool:
        """Whether another batch can be delivered without waiting; no call that was abandoned may still run."""
        return len(self._in_flight) < self._subscriber.overlap and all(map(Future.done, self._abandoned))

    def deliver(self, claim: Claim, batch: Batch) -> None:
        """Pass on the next events of a partition; first settle the oldest batches if too many are in flight."""
        batch = self._settle_suspects(claim, batch)
        if not batch:
            return
        self._start(self._call(claim, batch), partial(self._settle, claim, batch))
        if self._waits:
            self.settle(leaving=self._subscriber.overlap - 1)

    def settle(self, *, leaving: int = 0) -> None:
        """Settle the oldest batches until `leaving` are left."""
        while len(self._in_flight) > leaving:
            self._in_flight.popleft().settle()

    def settle_finished(self) -> None:
        """Settle the oldest batches that need not be waited for."""
        while self._in_flight and self._in_flight[0].is_done:
            self._in_flight.popleft().settle()

    def retry_letter(self, claim: Claim) -> bool:
        """Deliver a dead letter that is marked to be retried, or queued behind none any more; tell if there was one.

        Nothing else may be in flight: the letter would be found again.
        """
        letter = dead_letters.due(claim, ordered=self._subscriber.ordered)
        if letter is None:
            return False
        try:
            envelope = dead_letters.envelope_of(letter)
        except LogEntry.DoesNotExist as error:
            dead_letters.fail(claim, letter, error)
            return True
        call = partial(self._handle, claim, self._subscriber.select([envelope]), letter)
        self._start(call, partial(self._settle_letter, claim, letter))
        if self._waits:
            self.settle()
        return True

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
        self._in_flight.clear()
        if self._threads:
            self._threads.shutdown(cancel_futures=True)

    def _start_threads(self) -> ThreadPoolExecutor | None:
        """Return the threads in which the subscriber is called; a transaction needs the caller's connection."""
        overlap = self._subscriber.overlap
        is_called_here = overlap == 1 and (self._waits or self._subscriber.transactional)
        return None if is_called_here else ThreadPoolExecutor(overlap)

    def _start(self, call: Call, settle: Callable[[Call], None]) -> None:
        """Start the call if there are threads; `settle` gets the call, or the wait for its result."""
        future = self._threads.submit(_closing_connections, call) if self._threads else None
        self._in_flight.append(_InFlight(future, partial(settle, future.result if future else call)))

    def _settle_letter(self, claim: Claim, letter: DeadLetter, result: Call) -> None:
        def settle() -> None:
            with self._transaction():
                result()
                dead_letters.close(claim, letter)

        error = _attempt(settle)
        if isinstance(error, PartlyHandled):
            [error] = error.failures.values()
        if error and is_transient(error):
            raise error
        if error:
            dead_letters.fail(claim, letter, error)

    def _settle_suspects(self, claim: Claim, batch: Batch) -> Batch:
        """Handle one at a time the events among which one hung, and return the rest of the batch."""
        if claim not in self._hung_to:
            self._hung_to[claim] = checkpoint.hung_to(claim)
        suspects = [envelope for envelope in batch if (envelope.position or 0) <= self._hung_to[claim]]
        for envelope in suspects:
            self.settle()
            attempts = checkpoint.attempts(claim, _last_position([envelope]))
            if attempts < self._subscriber.max_attempts:
                self._settle_parts(claim, [envelope])
            else:
                self._park_alone(claim, envelope, HandlerHung(), attempts=attempts)
        return batch[len(suspects) :]

    def _settle(self, claim: Claim, batch: Batch, result: Call) -> None:
        def settle() -> None:
            with self._transaction():
                result()
                self._advance(claim, batch)

        error = _attempt(settle)
        if error is None:
            self._note_settled(claim, batch)
        elif isinstance(error, PartlyHandled):
            self._settle_partly(claim, batch, error.failures)
        elif len(batch) == 1:
            self._fail(claim, batch[0], error)
        else:
            logger.warning(
                "%s splits a batch of %d events after a failure: %s",
                claim.group,
                len(batch),
                describe(error),
                exc_info=_bug(error),
            )
            self._settle_parts(claim, batch[: len(batch) // 2], batch[len(batch) // 2 :])

    def _settle_parts(self, claim: Claim, *parts: Batch) -> None:
        """Handle the parts of a batch that failed, one after the other, until the event that caused it is alone."""
        for part in filter(None, parts):
            self._settle(claim, part, self._call(claim, part))

    def _settle_partly(self, claim: Claim, batch: Batch, failures: Mapping[UUID, Exception]) -> None:
        """Settle up to the first event that must be tried again, if there is one, and continue there."""
        kept = next((i for i, event in enumerate(batch) if not _is_final(failures.get(event.id))), len(batch))
        if handled := batch[:kept]:
            with atomic():
                self._advance(claim, handled)
                self._park_failures(claim, handled, failures)
            self._note_settled(claim, handled)
        if kept < len(batch):
            self._fail(claim, batch[kept], failures[batch[kept].id])
            self._settle_parts(claim, batch[kept + 1 :])

    def _park_failures(self, claim: Claim, batch: Batch, failures: Mapping[UUID, Exception]) -> None:
        parked: set[str] = set()
        for envelope in batch:
            if error := failures.get(envelope.id):
                self._park(claim, envelope, error, attempts=1)
                parked.add(envelope.subject)
            elif self._subscriber.ordered and envelope.subject in parked and self._subscriber.select([envelope]):
                dead_letters.queue(claim, envelope)

    def _fail(self, claim: Claim, envelope: Envelope, error: Exception) -> None:
        """Park an event that is unprocessable or has failed too often; otherwise raise, so that it is tried again."""
        if is_transient(error):
            raise error
        attempts, most = 1, self._subscriber.max_attempts
        if not isinstance(error, Unprocessable):
            attempts = checkpoint.count_attempt(claim, _last_position([envelope]))
            if attempts < most:
                raise AttemptFailed(
                    f"attempt {attempts} of {most} with {_place(envelope)}: {describe(error)}"
                ) from error
        self._park_alone(claim, envelope, error, attempts=attempts)

    def _park_alone(self, claim: Claim, envelope: Envelope, error: Exception, *, attempts: int) -> None:
        with atomic():
            self._advance(claim, [envelope])
            self._park(claim, envelope, error, attempts=attempts)
        self._note_settled(claim, [envelope])

    def _park(self, claim: Claim, envelope: Envelope, error: Exception, *, attempts: int) -> None:
        logger.error("%s parks %s: %s", claim.group, _place(envelope), describe(error), exc_info=_bug(error))
        dead_letters.park(claim, envelope, error, attempts=attempts)

    def was_moved(self, claim: Claim) -> bool:
        """Tell whether the checkpoint is not where this has left it: the database may have been restored."""
        return not self._in_flight and checkpoint.position(claim) != self.settled_to[claim.partition]

    def _advance(self, claim: Claim, batch: Batch) -> None:
        checkpoint.advance(claim, _last_position(batch), after=self.settled_to[claim.partition])

    def _note_settled(self, claim: Claim, batch: Batch) -> None:
        self.settled_to[claim.partition] = _last_position(batch)

    def _call(self, claim: Claim, batch: Batch) -> Call:
        """Return a call of the subscriber with the events that it may handle now."""
        return partial(self._handle, claim, self._without_letters(claim, self._subscriber.select(batch)))

    def _handle(self, claim: Claim, selected: Batch, letter: DeadLetter | None = None) -> None:
        if not selected:
            return
        started_at = time.monotonic()
        try:
            with calling(claim, selected, letter):
                self._subscriber.handle(selected)
        finally:
            self._pace.learn(len(selected), time.monotonic() - started_at)

    def _without_letters(self, claim: Claim, selected: Batch) -> Batch:
        """Leave out events with an open dead letter, and for an ordered subscriber those that queue behind one."""
        ordered = self._subscriber.ordered
        if not selected or not (ordered or (selected[0].position or 0) <= self._end_of_letters(claim)):
            return selected
        blocked = dead_letters.blocked(claim, selected)
        without_own = [envelope for envelope in selected if envelope.id not in blocked.own]
        if not ordered:
            return without_own
        if waiting := list(filter(blocked.blocks, without_own)):
            dead_letters.queue_all(claim, waiting)
        return list(filterfalse(blocked.blocks, without_own))

    def _end_of_letters(self, claim: Claim) -> int:
        """Return the last position with an open letter; a group that was set back meets it again."""
        if claim not in self._letters_end:
            self._letters_end[claim] = dead_letters.last_open_position(claim)
        return self._letters_end[claim]

    def _transaction(self) -> AbstractContextManager[object]:
        return atomic() if self._subscriber.transactional else nullcontext()


def _closing_connections(call: Call) -> None:
    """Call in a thread, of whose database connections nobody else takes care."""
    try:
        call()
    finally:
        close_old_connections()


def _attempt(action: Call) -> Exception | None:
    """Return the exception if an event causes a failure; raise a transient one."""
    try:
        action()
    except Exception as error:
        if is_transient(error):
            raise
        return error
    return None


def _last_position(batch: Batch) -> int:
    return batch[-1].position or 0


def _place(envelope: Envelope) -> str:
    return f"{envelope.type} of {envelope.subject} at {envelope.position}"


def _is_final(error: Exception | None) -> bool:
    """Tell whether this settles the event: it was handled, or can never be handled."""
    return error is None or isinstance(error, Unprocessable)


def _bug(error: Exception) -> Exception | None:
    """Return an error that deserves a traceback: one that the subscriber did not raise on purpose."""
    return None if isinstance(error, Unprocessable) else error
