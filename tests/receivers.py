"""Receivers of webhooks as targets of the group `access`."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from tests.network.gate import SECRET
from tickets.access import rows
from tickets.access.receiver import Address, ReceiverTarget
from tickets.models import Receiver
from tickets.models.receiver import USUAL_TYPES
from tickets.webhooks.background import Background


@contextmanager
def receiver_at(
    url: str, *, secrets: Sequence[str] = (SECRET,), types: Sequence[str] = USUAL_TYPES
) -> Iterator[ReceiverTarget]:
    """Open a target that sends to the address."""
    with _opened(Address(1, "gate", "receiver-1", url, types, secrets)) as receiver:
        yield receiver


@contextmanager
def receiver_of_settings() -> Iterator[ReceiverTarget]:
    """Open the target of ACCESS_SYSTEM_URL, without its row."""
    with _opened(rows.address_of(Receiver(id=1, name="access system", from_settings=True))) as receiver:
        yield receiver


@contextmanager
def _opened(address: Address) -> Iterator[ReceiverTarget]:
    with closing(Background()) as background, closing(ReceiverTarget(address, background, asyncio.Lock())) as receiver:
        yield receiver
