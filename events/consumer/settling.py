"""Settle what was delivered: move the checkpoint past what is handled or parked; split a batch that failed.

In:   batches, with the call of the subscriber or the wait for its result.
Out:  checkpoints: the highest position up to which all is settled; dead letters.
Next: readmodel/subscriber.py
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from uuid import UUID

from django.utils import timezone

from events import tracing
from events.consumer.calls import calling
from events.consumer.open_letters import OpenLetters
from events.consumer.pace import Pace
from events.correlation import correlated
from events.database import atomic
from events.dead_letters import parking as dead_letters
from events.envelope import Envelope
from events.exceptions import AttemptFailed, HandlerHung, PartlyHandled, Unprocessable, describe
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.measuring.catalogue import (
    CONSUMED,
    CONSUMED_AGE_SECONDS,
    HANDLE_EVENTS,
    HANDLE_SECONDS,
    LETTERS_RETRIED,
    PARKED,
    SPLIT,
)
from events.models import DeadLetter
from events.stages import note_batch
from events.subscriber import Subscriber
from events.tracing import Kind, Span
from events.transient import is_transient

logger = logging.getLogger(__name__)

type Batch = Sequence[Envelope]
type Call = Callable[[], None]


class Settling:
    """The calls of a target's subscriber, and what becomes of them. Every method raises transient failures."""

    def __init__(self, subscriber: Subscriber, *, most: int) -> None:
        self.pace = Pace(most)
        self.settled_to: dict[int, int] = {}
        """The position up to which all is settled, by partition, where anything was."""
        self._subscriber = subscriber
        self._letters = OpenLetters(ordered=subscriber.ordered)
        self._hung_to: dict[Claim, int] = {}

    def call(self, claim: Claim, batch: Batch) -> Call:
        """Return a call of the subscriber with the events that it may handle now."""
        return partial(self._handle, claim, self._letters.leave_out(claim, self._subscriber.select(batch)))

    def call_for_letter(self, claim: Claim, envelope: Envelope, letter: DeadLetter) -> Call:
        """Return a call of the subscriber with the event of a dead letter."""
        return partial(self._handle, claim, self._subscriber.select([envelope]), letter)

    def _handle(self, claim: Claim, selected: Batch, letter: DeadLetter | None = None) -> None:
        if not selected:
            return
        started_at = time.monotonic()
        try:
            with calling(claim, selected, letter), correlated(_requests(selected)), _span(claim, selected):
                self._subscriber.handle(selected)
        finally:
            seconds = time.monotonic() - started_at
            self.pace.learn(len(selected), seconds)
            HANDLE_SECONDS.note(seconds, claim.group)
            HANDLE_EVENTS.note(len(selected), claim.group)

    def settle(self, claim: Claim, batch: Batch, result: Call) -> None:
        """Move the checkpoint once `result` says that the batch is handled; split, retry or park what failed."""

        def settle() -> None:
            with self._transaction():
                result()
                self._advance(claim, batch)

        with correlated(_requests(batch)):
            self._settle_after(claim, batch, _attempt(settle))

    def _settle_after(self, claim: Claim, batch: Batch, error: Exception | None) -> None:
        if error is None:
            self._note_settled(claim, batch)
        elif isinstance(error, PartlyHandled):
            self._settle_partly(claim, batch, error.failures)
        elif len(batch) == 1:
            self._fail(claim, batch[0], error)
        else:
            SPLIT.add(1, claim.group)
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
            self.settle(claim, part, self.call(claim, part))

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
        with correlated(_requests([envelope])):
            self._park_unless_tried_again(claim, envelope, error)

    def _park_unless_tried_again(self, claim: Claim, envelope: Envelope, error: Exception) -> None:
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
        with correlated(_requests([envelope])):
            logger.error("%s parks %s: %s", claim.group, _place(envelope), describe(error), exc_info=_bug(error))
        dead_letters.park(claim, envelope, error, attempts=attempts)
        PARKED.add(1, claim.group)

    def suspects_of(self, claim: Claim, batch: Batch) -> Batch:
        """Return the first events of the batch, among which one hung before."""
        if claim not in self._hung_to:
            self._hung_to[claim] = checkpoint.hung_to(claim)
        return [envelope for envelope in batch if (envelope.position or 0) <= self._hung_to[claim]]

    def settle_suspects(self, claim: Claim, suspects: Batch) -> None:
        """Handle them one at a time; park one with which handlers hung too often."""
        for envelope in suspects:
            attempts = checkpoint.attempts(claim, _last_position([envelope]))
            if attempts < self._subscriber.max_attempts:
                self._settle_parts(claim, [envelope])
            else:
                self._park_alone(claim, envelope, HandlerHung(), attempts=attempts)

    def settle_letter(self, claim: Claim, letter: DeadLetter, result: Call) -> None:
        """Close the letter once `result` says that its event is handled; note a failure with it."""

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
        LETTERS_RETRIED.add(1, claim.group, "failed" if error else "handled")

    def _advance(self, claim: Claim, batch: Batch) -> None:
        checkpoint.advance(claim, _last_position(batch), after=self.settled_to[claim.partition])

    def _note_settled(self, claim: Claim, batch: Batch) -> None:
        self.settled_to[claim.partition] = _last_position(batch)
        where = {"group": claim.group, "target": claim.target, "partition": claim.partition}
        note_batch(logger, "consumed", batch, level=logging.INFO, **where)
        CONSUMED.add(len(batch), claim.group)
        CONSUMED_AGE_SECONDS.note((timezone.now() - batch[0].time).total_seconds(), claim.group)

    def _transaction(self) -> AbstractContextManager[object]:
        return atomic() if self._subscriber.transactional else nullcontext()


def _attempt(action: Call) -> Exception | None:
    """Return the exception if an event causes a failure; raise a transient one."""
    try:
        action()
    except Exception as error:
        if is_transient(error):
            raise
        return error
    return None


def _span(claim: Claim, batch: Batch) -> AbstractContextManager[Span]:
    return tracing.span_of_batch(
        f"consume {claim.group}", batch, kind=Kind.CONSUMER, partition=claim.partition, target=claim.target
    )


def _last_position(batch: Batch) -> int:
    return batch[-1].position or 0


def _requests(batch: Batch) -> Iterator[str]:
    return (envelope.correlation_id for envelope in batch)


def _place(envelope: Envelope) -> str:
    return f"{envelope.type} of {envelope.subject} at {envelope.position}"


def _is_final(error: Exception | None) -> bool:
    """Tell whether this settles the event: it was handled, or can never be handled."""
    return error is None or isinstance(error, Unprocessable)


def _bug(error: Exception) -> Exception | None:
    """Return an error that deserves a traceback: one that the subscriber did not raise on purpose."""
    return None if isinstance(error, Unprocessable) else error
