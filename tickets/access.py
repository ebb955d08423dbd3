"""Tell the access system, which opens the gates, which ticket is void, which one replaces it, and which is valid again.

In:   batches of events, from the consumer group `access`.
Out:  one webhook for each event that cancels or reinstates a ticket.
Next: tickets/webhooks/target.py
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from events import tracing
from events.correlation import correlated
from events.envelope import Envelope
from events.exceptions import PartlyHandled, RetryLater, Unprocessable
from events.personal_data import Leftover
from events.subscriber import Subscriber, progress
from events.tracing import Kind
from tickets.events import TicketCanceled, TicketCorrected, TicketReinstated

if TYPE_CHECKING:
    from tickets.webhooks.target import WebhookTarget

logger = logging.getLogger(__name__)


class AccessSystem(Subscriber):
    """Tell ACCESS_SYSTEM_URL of each cancellation and reinstatement: several tickets at once, in order for each ticket.

    A message may come twice or late, so the receiver keeps the message with the ticket's highest version.
    """

    handles = (TicketCanceled, TicketReinstated, TicketCorrected)
    ordered = True

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._told: set[UUID] = set()

    @cached_property
    def _target(self) -> "WebhookTarget":
        """The one target, which remembers the receiver's failures between batches."""
        # The HTTP client loads slowly, and every process of the service imports this module.
        from tickets.webhooks.configuration import configured_target  # noqa: PLC0415

        return configured_target()

    def open(self) -> str:
        """Raise ImproperlyConfigured if the settings have no address or no secret."""
        logger.debug("cancellations are sent to %s", self._target.origin)
        return ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        tickets = defaultdict(list)
        for envelope in batch:
            # Before anything is sent: an event that a newer release wrote must hold back the whole batch.
            with suppress(Unprocessable):
                envelope.open()
            tickets[envelope.subject].append(envelope)
        failures = self._runner.run(self._tell(tickets.values()))
        if not any(isinstance(failure, RetryLater) for failure in failures.values()):
            self._told.clear()
        if failures:
            raise PartlyHandled(failures)

    def leftovers(self) -> Iterable[Leftover]:
        """Its messages have ids and versions, and nothing about the holder."""
        return ()

    def close(self) -> None:
        if "_target" in self.__dict__:
            self._runner.run(self._target.close())
        self._runner.close()

    async def _tell(self, tickets: Iterable[Sequence[Envelope]]) -> dict[UUID, Exception]:
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

    def _attempts(self, events: Sequence[Envelope]) -> int:
        return sum(self._target.attempts(str(envelope.id)) for envelope in events)

    async def _tell_of_event(self, envelope: Envelope) -> None:
        with correlated([envelope.correlation_id]):
            body = _message(envelope)
            if not body or envelope.id in self._told:
                return
            with tracing.span_of_batch("tell", [envelope], kind=Kind.CLIENT, receiver=self._target.origin):
                await self._target.post(str(envelope.id), body)
            told = {"verb": "told", "event_ids": [envelope.id], "type": envelope.type, "ticket": envelope.subject}
            logger.info("the access system was told of %s, ticket %s", envelope.type, envelope.subject, extra=told)
        progress()  # A slow receiver takes up to 12 s for each message.
        self._told.add(envelope.id)  # The event comes again if another one of the batch must be retried.


def _message(envelope: Envelope) -> bytes:
    """Return a message as JSON, or nothing for an event that does not tell whether the ticket is valid."""
    event = envelope.open()
    if not isinstance(event, AccessSystem.handles):
        return b""
    is_void = event.ticket.status == "canceled"
    data = {
        "ticketId": event.ticket.id,
        **({"newTicketId": getattr(event, "new_ticket_id", None)} if is_void else {}),
        "version": event.aggregate_version,
        "eventId": envelope.id,
        "occurredAt": envelope.time.isoformat(),
    }
    kind = "ticket.canceled" if is_void else "ticket.reinstated"
    return msgspec.json.encode({"type": kind, "timestamp": data["occurredAt"], "data": data})
