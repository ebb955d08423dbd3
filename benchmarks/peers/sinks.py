"""Functions that the other outboxes call to send an event; they import them by name."""

import json
import os
from dataclasses import asdict, dataclass

import redis
from django_domain_events import DURABLE, event, receiver

STREAM = "peers"


def client() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(os.environ["EVENT_STREAM_URL"].rpartition("/")[0])


_client = client()


def send(payload: dict[str, str]) -> None:
    """Send one event; the signature is django-jaiminho's."""
    _client.xadd(STREAM, {"data": json.dumps(payload)})


@event(name="thing.moved")
@dataclass(frozen=True, slots=True)
class Moved:
    id: str
    note: str


@receiver(Moved, mode=DURABLE, key="benchmark.stream")
def receive(moved: Moved) -> None:
    """Send one event; the signature is django-domain-events'."""
    send(asdict(moved))
