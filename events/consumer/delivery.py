"""Pass events to the subscriber and settle each batch: once all is handled or parked, the checkpoint moves.

In:   batches of the partitions that this process owns, in order.
Out:  calls of the subscriber, dead letters, and checkpoints: the highest position up to which all is settled.
Next: readmodel/subscriber.py
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import filterfalse
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from events.dead_letters import parking as dead_letters
from events.envelope import Envelope
from events.exceptions import AttemptFailed, PartlyHandled, Unprocessable, describe
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.subscriber import Subscriber
from events.transient import is_transient

logger = logging.getLogger(__name__)

type Batch = Sequence[Envelope]


class _InFlight(NamedTuple):
    """A batch that the subscriber is handling; `result` waits for it, and raises what the subscriber raised."""

    claim: Claim
    batch: Batch
    result: Callable[[], None]


class Delivery:
    """The batches in flight, as many as the subscriber lets overlap; they are settled in the order of delivery.

    Every method raises transient failures: the caller then closes this, and delivers again what is not settled.
    """

    def __init__(self, subscriber: Subscriber, settled: Callable[[Claim, Batch], None]) -> None:
        """`settled` is called for each batch after its checkpoint has moved."""
        self._subscriber = subscriber
        self._settled = settled
        self._in_flight: deque[_InFlight] = deque()
        self._threads = self._start_threads()
        self._letters_end: dict[Claim, int] = {}
        self._reached: dict[Claim, int] = {}

    def start(self, claim: Claim, position: int) -> None:
        """Continue at the claim's checkpoint, which is at the position."""
        self._reached[claim] = position

    def was_moved(self, claim: Claim) -> bool:
        """Tell whether the checkpoint is not where this has left it: the database may have been restored."""
        return not self._in_flight and checkpoint.position(claim) != self._reached[claim]

    def __bool__(self) -> bool:
        return bool(self._in_flight)

    def deliver(self, claim: Claim, batch: Batch) -> None:
        """Pass on the next events of a partition; first settle the oldest batches if too many are in flight."""
        call = self._call(claim, batch)
        self._in_flight.append(_InFlight(claim, batch, self._threads.submit(call).result if self._threads else call))
        self.settle(leaving=self._subscriber.overlap - 1)

    def settle(self, *, leaving: int = 0) -> None:
        """Settle the oldest batches until `leaving` are left."""
        while len(self._in_flight) > leaving:
            self._settle(*self._in_flight.popleft())

    def retry_letter(self, claim: Claim) -> bool:
        """Retry a dead letter that is marked for it, or queued behind none any more; tell whether there was one."""
        letter = dead_letters.due(claim, ordered=self._subscriber.ordered)
        if letter is None:
            return False

        def retry() -> None:
            with self._transaction():
                self._handle(self._subscriber.select([dead_letters.envelope_of(letter)]))
                dead_letters.close(claim, letter)

        error = _attempt(retry)
        if isinstance(error, PartlyHandled):
            [error] = error.failures.values()
        if error and is_transient(error):
            raise error
        if error:
            dead_letters.fail(claim, letter, error)
        return True

    def abandon(self) -> None:
        """Wait for running calls, and settle none of them: their batches will be delivered again."""
        self.close()
        self._threads = self._start_threads()

    def close(self) -> None:
        """Abandon what is in flight, and end the threads."""
        self._in_flight.clear()
        if self._threads:
            self._threads.shutdown(cancel_futures=True)

    def _start_threads(self) -> ThreadPoolExecutor | None:
        overlap = self._subscriber.overlap
        return ThreadPoolExecutor(overlap) if overlap > 1 else None

    def _settle(self, claim: Claim, batch: Batch, result: Callable[[], None]) -> None:
        def settle() -> None:
            with self._transaction():
                result()
                self._advance(claim, batch)

        error = _attempt(settle)
        if error is None:
            self._note(claim, batch)
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
            with transaction.atomic():
                self._advance(claim, handled)
                self._park_failures(claim, handled, failures)
            self._note(claim, handled)
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
        with transaction.atomic():
            self._advance(claim, [envelope])
            self._park(claim, envelope, error, attempts=attempts)
        self._note(claim, [envelope])

    def _park(self, claim: Claim, envelope: Envelope, error: Exception, *, attempts: int) -> None:
        logger.error("%s parks %s: %s", claim.group, _place(envelope), describe(error), exc_info=_bug(error))
        dead_letters.park(claim, envelope, error, attempts=attempts)

    def _advance(self, claim: Claim, batch: Batch) -> None:
        checkpoint.advance(claim, _last_position(batch), after=self._reached[claim])

    def _note(self, claim: Claim, batch: Batch) -> None:
        """Note that the batch is settled, once the transaction with its checkpoint is committed."""
        self._reached[claim] = _last_position(batch)
        self._settled(claim, batch)

    def _call(self, claim: Claim, batch: Batch) -> Callable[[], None]:
        """Return a call of the subscriber with the events that it may handle now."""
        return partial(self._handle, self._without_letters(claim, self._subscriber.select(batch)))

    def _handle(self, selected: Batch) -> None:
        if selected:
            self._subscriber.handle(selected)

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
        return transaction.atomic() if self._subscriber.transactional else nullcontext()


def _attempt(action: Callable[[], None]) -> Exception | None:
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
