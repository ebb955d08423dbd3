"""Call a subscriber, here or in the background; know the calls in progress, for the thread that notices a hang."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from events import tracing
from events.consumer.pace import Pace
from events.correlation import correlated
from events.envelope import Envelope
from events.groups.checkpoint import Claim
from events.measuring.catalogue import HANDLE_EVENTS, HANDLE_SECONDS
from events.models import DeadLetter
from events.processes.progress import progress
from events.subscriber import Subscriber
from events.tracing import Kind


class Call(NamedTuple):
    """The events that a handler was given; `letter` if they are the event of a dead letter that is retried."""

    claim: Claim
    batch: Sequence[Envelope]
    letter: DeadLetter | None


_in_progress: dict[object, Call] = {}


@contextmanager
def calling(claim: Claim, batch: Sequence[Envelope], letter: DeadLetter | None = None) -> Iterator[None]:
    """Note the call during the block; its start and its end are progress."""
    key = object()
    progress()
    _in_progress[key] = Call(claim, batch, letter)
    try:
        yield
    finally:
        del _in_progress[key]
        progress()


def calls_in_progress(group: str) -> list[Call]:
    return [call for call in list(_in_progress.values()) if call.claim.group == group]


class HandlerCall:
    """A call of the subscriber with events that it may handle now; there may be none of them."""

    def __init__(self, subscriber: Subscriber, call: Call, pace: Pace) -> None:
        self._subscriber = subscriber
        self._call = call
        self._pace = pace

    @property
    def is_needed(self) -> bool:
        return bool(self._call.batch)

    def __call__(self) -> None:
        """Handle the events; raise what the subscriber raises."""
        if self._call.batch:
            with self._noted(), self._correlated():
                self._subscriber.handle(self._call.batch)

    def begin(self) -> Future[None] | None:
        """Begin to handle the events in the background; None if the subscriber does not do that."""
        with ExitStack() as until_begun:
            until_begun.enter_context(self._noted())
            with self._correlated():
                future = self._subscriber.begin(self._call.batch)
            if future:
                noted = until_begun.pop_all()
                future.add_done_callback(lambda _: noted.close())
        return future

    @contextmanager
    def _noted(self) -> Iterator[None]:
        started_at = time.monotonic()
        try:
            with calling(*self._call):
                yield
        finally:
            seconds = time.monotonic() - started_at
            self._pace.learn(len(self._call.batch), seconds)
            HANDLE_SECONDS.note(seconds, self._call.claim.group)
            HANDLE_EVENTS.note(len(self._call.batch), self._call.claim.group)

    @contextmanager
    def _correlated(self) -> Iterator[None]:
        claim, batch, _ = self._call
        span = tracing.span_of_batch(
            f"consume {claim.group}", batch, kind=Kind.CONSUMER, partition=claim.partition, target=claim.target
        )
        with correlated(envelope.correlation_id for envelope in batch), span:
            yield
