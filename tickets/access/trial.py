"""Send a test message to a receiver, at once, and write down what it answered."""

import asyncio
import time
from typing import NamedTuple
from uuid import uuid4

from django.utils import timezone

from tickets.access import rows
from tickets.access.messages import TEST_TYPE, test_message
from tickets.access.receiver import Address
from tickets.models import Delivery, Receiver
from tickets.webhooks.attempts import Attempt, Outcome

SECONDS = 5.0
"""How long the answer is awaited: a person waits for it."""


class Answer(NamedTuple):
    """What a receiver answered to a test message; `status` is None if it did not answer."""

    is_taken: bool
    status: int | None
    seconds: float
    error: str


def send_test(receiver: Receiver) -> Answer:
    """Send a message of the type `test`, which has no ticket; it is signed like all others, and is tried once."""
    address = rows.address_of(receiver)
    if address.problem:
        return Answer(is_taken=False, status=None, seconds=0.0, error=address.problem)
    answer = asyncio.run(_send(address))
    Delivery.objects.create(
        receiver=receiver,
        at=timezone.now(),
        type=TEST_TYPE,
        outcome=Outcome.TAKEN if answer.is_taken else Outcome.REFUSED,
        status=answer.status,
        seconds=answer.seconds,
        error=answer.error,
    )
    return answer


async def _send(address: Address) -> Answer:
    # The HTTP client loads slowly, and every process of the service imports this module.
    from events.exceptions import RetryLater, Unprocessable  # noqa: PLC0415
    from tickets.webhooks.background import trusted_certificates  # noqa: PLC0415
    from tickets.webhooks.target import WebhookTarget  # noqa: PLC0415

    attempts: list[Attempt] = []
    target = WebhookTarget(address.url, address.secrets, trusted_certificates(), note=attempts.append)
    began_at, error = time.monotonic(), ""
    try:
        async with asyncio.timeout(SECONDS):
            await target.post(str(uuid4()), test_message(timezone.now()))
    except (RetryLater, Unprocessable) as failure:
        error = str(failure)
    except TimeoutError:
        error = f"{target.origin} did not answer within {SECONDS:g} s"
    finally:
        await target.close()
    status = attempts[-1].status if attempts else None
    return Answer(is_taken=not error, status=status, seconds=time.monotonic() - began_at, error=error)
