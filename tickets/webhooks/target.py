"""Post messages to one address, with limits on time and size, and pauses while it fails."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress

import httpx
from circuitbreaker import CircuitBreaker

from events import tracing
from events.exceptions import RetryLater
from tickets.measurements import WEBHOOK_SECONDS, WEBHOOKS
from tickets.webhooks.answers import Failure, MessageRefused, ReceiverFails, ReceiverGone, failure_of
from tickets.webhooks.attempts import Attempt, Outcome
from tickets.webhooks.configuration import checked_url
from tickets.webhooks.patience import Patience
from tickets.webhooks.signing import signed_headers, signers
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

    def __init__(
        self, url: str, secrets: Sequence[str], certificates: ssl.SSLContext, *, note: Callable[[Attempt], None]
    ) -> None:
        """Raise AddressRefused or ImproperlyConfigured. `note` is called after each attempt, from the loop."""
        self._url = checked_url(url)
        self.origin = origin_of(self._url)
        self.quiet_until = 0.0
        """By the monotonic clock: nothing is sent before."""
        self._signers = signers(secrets)
        self._note = note
        self._client = httpx.AsyncClient(
            transport=DirectTransport(connections=self.IN_FLIGHT, certificates=certificates),
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )
        self._patience = Patience()
        self._breaker = CircuitBreaker(BREAKER_FAILURES, BREAKER_PAUSE_SECONDS, expected_exception=ReceiverFails)
        self._probing = asyncio.Lock()

    async def post(self, webhook_id: str, body: bytes) -> None:
        """Send a message; raise RetryLater, or Unprocessable if it will never be accepted."""
        async with nullcontext() if self._breaker.closed else self._probing:
            self._check_pause()
            began_at = time.monotonic()
            answer = await self._attempt(webhook_id, body)
            seconds = time.monotonic() - began_at
        # Not within the breaker: a message that is given up says of the receiver what one that is tried again says.
        failure = None if isinstance(answer, int) else self._patience.fail(webhook_id, answer)
        number = self._patience.attempts(webhook_id) if failure else self._patience.take(webhook_id)
        status = answer if isinstance(answer, int) else answer.status
        WEBHOOKS.add(1, _measured(failure))
        self._note(Attempt(webhook_id, number, _outcome(failure), status, seconds, str(failure or "")))
        if failure:
            raise failure

    def rest_until(self, until: float) -> None:
        """Send nothing before, by the monotonic clock."""
        self.quiet_until = max(self.quiet_until, until)

    def attempts(self, webhook_id: str) -> int:
        """Return how often the message was sent and not taken."""
        return self._patience.attempts(webhook_id)

    async def close(self) -> None:
        await self._client.aclose()

    def _check_pause(self) -> None:
        seconds = self.quiet_until - time.monotonic()
        if self._breaker.opened:
            seconds = max(seconds, self._breaker.open_remaining)
        if seconds > 0:
            WEBHOOKS.add(1, "held")
            cause = f": {failure}" if (failure := self._breaker.last_failure) else ""
            raise NotTried(f"nothing is sent to {self.origin} for {seconds:.1f} s{cause}", retry_after_seconds=seconds)

    async def _attempt(self, webhook_id: str, body: bytes) -> int | Failure:
        """Return the status if the message was taken, or why it was not."""
        try:
            with self._breaker, WEBHOOK_SECONDS.timed():
                return await self._post(webhook_id, body)
        except ReceiverFails as failure:
            self.rest_until(time.monotonic() + failure.retry_after_seconds)
            return failure
        except MessageRefused as failure:
            return failure

    async def _post(self, webhook_id: str, body: bytes) -> int:
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
        return response.status_code


def origin_of(url: httpx.URL) -> str:
    """Return what may be shown: other parts of the URL may have passwords or tokens."""
    return f"{url.scheme}://{url.netloc.decode()}"


def _measured(failure: Failure | None) -> str:
    if failure is None:
        return "accepted"
    return "refused" if isinstance(failure, MessageRefused) else "failed"


def _outcome(failure: Failure | None) -> Outcome:
    if failure is None:
        return Outcome.TAKEN
    if isinstance(failure, MessageRefused):
        return Outcome.PARKED
    return Outcome.GONE if isinstance(failure, ReceiverGone) else Outcome.AGAIN


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
