"""Post messages to one address, with limits on time and size, and pauses while it fails."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress

import httpx
from circuitbreaker import CircuitBreaker
from standardwebhooks import Webhook

from events import tracing
from events.exceptions import RetryLater
from tickets.measurements import WEBHOOK_SECONDS, WEBHOOKS
from tickets.webhooks.answers import Failure, MessageRefused, ReceiverFails, failure_of
from tickets.webhooks.patience import Patience
from tickets.webhooks.signing import signed_headers
from tickets.webhooks.transport import DirectTransport

CONNECT_SECONDS = 3.0
"""The time for one address of the name, before the next is tried."""
WHOLE_SECONDS = 10.0
"""The time until the response's status."""
BODY_SECONDS = 2.0
LARGEST_ANSWER_BYTES = 10_000
BREAKER_FAILURES = 5
BREAKER_PAUSE_SECONDS = 5


class NotTried(RetryLater):
    """Nothing is sent to the receiver for a while."""


class WebhookTarget:
    """An address that takes webhooks, to be used from one event loop.

    When it can't take messages, none is sent for some seconds, or for as long as it asked; then one is, as a probe.
    """

    IN_FLIGHT = 8
    """The number of messages sent at the same time."""

    def __init__(self, url: httpx.URL, signers: Sequence[Webhook], *, allow_private: bool) -> None:
        self.origin = f"{url.scheme}://{url.netloc.decode()}"  # Other parts of the URL may have passwords or tokens.
        self._url = url
        self._signers = signers
        self._client = httpx.AsyncClient(
            transport=DirectTransport(connections=self.IN_FLIGHT, allow_private=allow_private),
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )
        self._patience = Patience()
        self._breaker = CircuitBreaker(BREAKER_FAILURES, BREAKER_PAUSE_SECONDS, expected_exception=ReceiverFails)
        self._probing = asyncio.Lock()
        self._quiet_until = 0.0

    async def post(self, webhook_id: str, body: bytes) -> None:
        """Send a message; raise RetryLater, or Unprocessable if it will never be accepted."""
        async with nullcontext() if self._breaker.closed else self._probing:
            self._check_pause()
            # Not the breaker: a message that is given up says of the receiver what one that is tried again says.
            if failure := await self._attempt(webhook_id, body):
                error = self._patience.fail(webhook_id, failure)
                WEBHOOKS.add(1, "refused" if isinstance(error, MessageRefused) else "failed")
                raise error
            WEBHOOKS.add(1, "accepted")
        self._patience.take(webhook_id)

    def attempts(self, webhook_id: str) -> int:
        """Return how often the message was sent and not taken."""
        return self._patience.attempts(webhook_id)

    async def close(self) -> None:
        await self._client.aclose()

    def _check_pause(self) -> None:
        seconds = self._quiet_until - time.monotonic()
        if self._breaker.opened:
            seconds = max(seconds, self._breaker.open_remaining)
        if seconds > 0:
            WEBHOOKS.add(1, "held")
            raise NotTried(f"nothing is sent to {self.origin} for {seconds:.1f} s", retry_after_seconds=seconds)

    async def _attempt(self, webhook_id: str, body: bytes) -> Failure | None:
        try:
            with self._breaker, WEBHOOK_SECONDS.timed():
                await self._post(webhook_id, body)
        except ReceiverFails as failure:
            self._quiet_until = max(self._quiet_until, time.monotonic() + failure.retry_after_seconds)
            return failure
        except MessageRefused as failure:
            return failure
        return None

    async def _post(self, webhook_id: str, body: bytes) -> None:
        headers = {**signed_headers(webhook_id, body, self._signers), **tracing.headers()}
        try:
            async with (
                asyncio.timeout(WHOLE_SECONDS) as time_limit,
                self._client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                time_limit.reschedule(None)  # The status decides; reading the body has its own limit.
                failure = failure_of(response, await _beginning(response))
        except (httpx.HTTPError, TimeoutError) as error:
            raise ReceiverFails(f"{self.origin} does not answer: {error!r}") from error
        if failure:
            raise failure


async def _beginning(response: httpx.Response) -> str:
    """Read the beginning of the answer. A body that is long, slow or broken is not a failure."""
    body = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER_BYTES:
                    break
    return body.decode(errors="replace")
