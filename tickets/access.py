"""Tell the access system, which opens the gates, that a ticket is void and which one replaces it.

In:   batches of events, from the consumer group `access`.
Out:  one HTTP POST for each ticket.canceled, with both ids.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from events.envelope import Envelope
from events.exceptions import RetryLater, Unprocessable
from events.subscriber import Subscriber
from tickets.events import TicketCanceled

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5.0


class AccessSystem(Subscriber):
    """POST each cancellation to ACCESS_SYSTEM_URL.

    A call may be repeated or come late: the receiver keeps what has the ticket's highest version.
    """

    handles = (TicketCanceled,)
    client: httpx.Client

    def open(self) -> str:
        """Make the HTTP client; raise ImproperlyConfigured where ACCESS_SYSTEM_URL is no address to POST to."""
        self.url = _configured_url()
        self.client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        return ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        # All messages first: an event that can't be handled then costs no repeated calls for those before it.
        for message in [_message(envelope) for envelope in batch]:
            self._post(message)

    def close(self) -> None:
        self.client.close()

    def _post(self, message: dict[str, Any]) -> None:
        try:
            response = self.client.post(self.url, json=message)
        except httpx.TransportError as error:
            raise RetryLater(f"the access system at {self.url} does not answer: {error!r}") from error
        if not response.is_success:
            raise _refusal(response, message)


def _configured_url() -> httpx.URL:
    hint = f"ACCESS_SYSTEM_URL={settings.ACCESS_SYSTEM_URL!r}; it must be the http(s) address that takes cancellations"
    try:
        url = httpx.URL(settings.ACCESS_SYSTEM_URL)
    except httpx.InvalidURL as error:
        raise ImproperlyConfigured(f"{hint} ({error})") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ImproperlyConfigured(hint)
    return url


def _message(envelope: Envelope) -> dict[str, Any]:
    event = envelope.open()
    if not isinstance(event, TicketCanceled) or event.new_ticket_id is None:
        logger.error("ticket %s was canceled without a replacement: the access system can't be told", envelope.subject)
        raise Unprocessable(f"event {envelope.id} of ticket {envelope.subject} has no newTicketId")
    return {
        "ticketId": str(event.ticket.id),
        "newTicketId": str(event.new_ticket_id),
        "version": event.aggregate_version,
        "eventId": str(envelope.id),
        "occurredAt": envelope.time.isoformat(),
    }


def _refusal(response: httpx.Response, message: dict[str, Any]) -> Exception:
    """A 4xx will be the same next time; anything else (429, 5xx, a redirect) is for the other side to mend."""
    said = f"the access system answered {response.status_code} for ticket {message['ticketId']}: {response.text[:200]}"
    final = response.is_client_error and response.status_code != HTTPStatus.TOO_MANY_REQUESTS
    return Unprocessable(said) if final else RetryLater(said)
