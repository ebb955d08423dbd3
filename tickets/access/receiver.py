"""Send one receiver its messages: several tickets at once, in order for each ticket.

In:   batches of events, from the consumer group `access`.
Out:  one webhook for each event of which the receiver wants to be told.
Next: tickets/webhooks/target.py
"""

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.utils import timezone

from events import tracing
from events.correlation import correlated
from events.envelope import Envelope
from events.exceptions import PartlyHandled, RetryLater, Unprocessable
from events.subscriber import Subscriber, progress
from events.tracing import Kind
from tickets.access.messages import Message, event_names, message_of
from tickets.webhooks.attempts import Attempt, Outcome

if TYPE_CHECKING:
    from tickets.webhooks.background import Background
    from tickets.webhooks.target import WebhookTarget

logger = logging.getLogger(__name__)

MOST_NOTES = 1000
"""The most attempts that are kept until they are written, each second; of more, the last ones."""


class Address(NamedTuple):
    """Where messages go, and what signs them."""

    id: int
    name: str
    target: str
    url: str
    types: Sequence[str]
    secrets: Sequence[str] = ()
    problem: str = ""
    """Why nothing can be sent, "" if it can."""


class Note(NamedTuple):
    """An attempt to send a message."""

    at: datetime
    event_id: UUID
    message: Message
    attempt: Attempt


class ReceiverTarget(Subscriber):
    """A further target of the group. A message may come twice or late, so the receiver keeps the highest version."""

    ordered = True

    def __init__(self, address: Address, background: "Background", turn: asyncio.Lock) -> None:
        """`turn` is of all that send to the same receiver: what is replaced may still be sending."""
        self.address = address
        self.notes: deque[Note] = deque(maxlen=MOST_NOTES)
        self.is_gone = False
        """Whether it answered that it wants no more."""
        self._names = event_names(address.types)
        self._background = background
        self._turn = turn
        self._messages: dict[UUID, Message] = {}
        self._told: set[UUID] = set()
        self._rest_until = 0.0

    @cached_property
    def _target(self) -> "WebhookTarget":
        """The HTTP client, which loads slowly, and which remembers the receiver's failures between batches."""
        from tickets.webhooks.background import trusted_certificates  # noqa: PLC0415
        from tickets.webhooks.target import WebhookTarget  # noqa: PLC0415

        return WebhookTarget(self.address.url, self.address.secrets, trusted_certificates(), note=self._note)

    def open(self) -> str:
        """Begin anew: the group may have been set back, to tell what was told before."""
        self._told.clear()
        return self.address.target

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        return [envelope for envelope in batch if envelope.type in self._names]

    def begin(self, batch: Sequence[Envelope]) -> Future[None]:
        return self._background.submit(self._tell(batch))

    def handle(self, batch: Sequence[Envelope]) -> None:
        self.begin(batch).result()

    def take_notes(self) -> Sequence[Note]:
        """Return the attempts since the last call."""
        return [self.notes.popleft() for _ in range(len(self.notes))]

    def rest(self, seconds: float) -> None:
        """Send nothing for so long: the receiver has asked for it, maybe another process."""
        self._rest_until = max(self._rest_until, time.monotonic() + seconds)
        if "_target" in self.__dict__:
            self._target.rest_until(self._rest_until)

    def rests_for(self) -> float:
        """Return for how many seconds nothing is sent, because the receiver has asked for it."""
        until = self._target.quiet_until if "_target" in self.__dict__ else self._rest_until
        return until - time.monotonic()

    def close(self) -> None:
        if "_target" in self.__dict__:
            self._background.finish(self._target.close())

    async def _tell(self, batch: Sequence[Envelope]) -> None:
        if self.address.problem:
            raise RetryLater(self.address.problem)
        self._target.rest_until(self._rest_until)
        tickets = defaultdict(list)
        for envelope in batch:
            # Before anything is sent: an event that a newer release wrote must hold back the whole batch.
            with suppress(Unprocessable):
                envelope.open()
            tickets[envelope.subject].append(envelope)
        async with self._turn:
            failures = await self._tell_of_tickets(tickets.values())
        if not any(isinstance(failure, RetryLater) for failure in failures.values()):
            self._told.clear()
        if failures:
            raise PartlyHandled(failures)

    async def _tell_of_tickets(self, tickets: Collection[Sequence[Envelope]]) -> dict[UUID, Exception]:
        """Send the tickets' messages; return each ticket's first failure, after which its later events are not sent.

        Messages that failed before come last: if one is at fault, the others show that the receiver works.
        """
        failures: dict[UUID, Exception] = {}
        in_flight = asyncio.Semaphore(self._target.IN_FLIGHT)

        async def tell_of_ticket(events: Sequence[Envelope]) -> None:
            async with in_flight:
                for envelope in events:
                    try:
                        await self._tell_of_event(envelope)
                    except (RetryLater, Unprocessable) as error:
                        failures[envelope.id] = error
                        return

        async with asyncio.TaskGroup() as group:
            for events in sorted(tickets, key=self._attempts):
                group.create_task(tell_of_ticket(events))
        return failures

    def _attempts(self, events: Iterable[Envelope]) -> int:
        return sum(self._target.attempts(str(envelope.id)) for envelope in events)

    async def _tell_of_event(self, envelope: Envelope) -> None:
        with correlated([envelope.correlation_id]):
            message = message_of(envelope)
            if message is None or message.type not in self.address.types or envelope.id in self._told:
                return
            self._messages[envelope.id] = message
            try:
                with tracing.span_of_batch("tell", [envelope], kind=Kind.CLIENT, receiver=self._target.origin):
                    await self._target.post(str(envelope.id), message.body)
            finally:
                del self._messages[envelope.id]
                progress()  # A slow receiver takes up to 12 s for each message.
            told = {"verb": "told", "event_ids": [envelope.id], "type": envelope.type, "ticket": envelope.subject}
            name = self.address.name
            logger.info("%s was told of %s, ticket %s", name, envelope.type, envelope.subject, extra=told)
        self._told.add(envelope.id)  # The event comes again if another one of the batch must be retried.

    def _note(self, attempt: Attempt) -> None:
        event_id = UUID(attempt.webhook_id)
        self.notes.append(Note(timezone.now(), event_id, self._messages[event_id], attempt))
        self.is_gone |= attempt.outcome == Outcome.GONE
