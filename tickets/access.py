"""Tell the access system, which opens the gates, that a ticket is void and which one replaces it.

In:   batches of events, from the consumer group `access`.
Out:  one webhook for each event by which a ticket is cancelled, with both ids.
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

from events.envelope import Envelope
from events.exceptions import PartlyHandled, RetryLater, Unprocessable
from events.subscriber import Subscriber
from tickets.events import TicketCanceled, TicketCorrected

if TYPE_CHECKING:
    from tickets.webhooks.target import WebhookTarget

logger = logging.getLogger(__name__)


class AccessSystem(Subscriber):
    """Tell ACCESS_SYSTEM_URL of each cancellation: in order for each ticket, several tickets at once.

    A message may be repeated or come late: the receiver keeps what has the ticket's highest version.
    """

    handles = (TicketCanceled, TicketCorrected)
    ordered = True

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._told: set[UUID] = set()

    @cached_property
    def _target(self) -> "WebhookTarget":
        """Made once: what it knows of the receiver's troubles outlives a failure."""
        # Its HTTP client takes long to load, and every process of the service looks at this class.
        from tickets.webhooks.configuration import configured_target  # noqa: PLC0415

        return configured_target()

    def open(self) -> str:
        """Raise ImproperlyConfigured where the settings name no address or no secret."""
        logger.debug("cancellations go to %s", self._target.origin)
        return ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        tickets = defaultdict(list)
        for envelope in batch:
            with suppress(Unprocessable):
                envelope.open()  # All first: what a newer release wrote keeps the batch before anybody is told.
            tickets[envelope.subject].append(envelope)
        failures = self._runner.run(self._tell(tickets.values()))
        if not any(isinstance(failure, RetryLater) for failure in failures.values()):
            self._told.clear()
        if failures:
            raise PartlyHandled(failures)

    def close(self) -> None:
        if "_target" in self.__dict__:
            self._runner.run(self._target.close())
        self._runner.close()

    async def _tell(self, tickets: Iterable[Sequence[Envelope]]) -> dict[UUID, Exception]:
        """Return why events were not told, of each ticket the first; its later ones are left out then."""
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
            for events in tickets:
                group.create_task(tell_of_ticket(events))
        return failures

    async def _tell_of_event(self, envelope: Envelope) -> None:
        body = _message(envelope)
        if not body or envelope.id in self._told:
            return
        await self._target.post(str(envelope.id), body)
        self._told.add(envelope.id)  # It comes again when an event before it has to be tried later.


def _message(envelope: Envelope) -> bytes:
    """Return the JSON that tells of a cancellation, empty if the event is none; raise Unprocessable."""
    event = envelope.open()
    if not isinstance(event, TicketCanceled | TicketCorrected) or event.ticket.status != "canceled":
        return b""
    if event.new_ticket_id is None:
        logger.error("ticket %s was canceled without a replacement: the access system can't be told", envelope.subject)
        raise Unprocessable(f"event {envelope.id} of ticket {envelope.subject} has no newTicketId")
    data = {
        "ticketId": event.ticket.id,
        "newTicketId": event.new_ticket_id,
        "version": event.aggregate_version,
        "eventId": envelope.id,
        "occurredAt": envelope.time.isoformat(),
    }
    return msgspec.json.encode({"type": "ticket.canceled", "timestamp": data["occurredAt"], "data": data})
