"""Requests while Redis is away: none fails, none waits long, and nothing is lost."""

import socket
import time
from collections.abc import Iterator
from threading import Event
from typing import Never
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient

from events import record, unit_of_work
from events.log.positions import BATCH_ROWS
from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.network.proxy import late, running_proxy, with_address
from tests.things import ThingMade
from tickets.models import Ticket

HANG_SECONDS = 20.0
pytestmark = pytest.mark.django_db(transaction=True)

TICKET = {
    "title": "Ópera",
    "venue": "Teatro Colón",
    "starts_at": "2027-05-01T20:00:00-03:00",
    "seat": "A1",
    "holder_name": "Inés",
    "holder_email": "ines@example.org",
    "price": "10.00",
    "currency": "ARS",
}


@pytest.fixture
def client() -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("admin"))
    return client


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Return the address of a server that accepts connections but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def issue(client: APIClient) -> None:
    assert client.post("/api/tickets/", TICKET, format="json").status_code == 201


def test_requests_succeed_quickly_while_redis_is_down(client: APIClient, stream: Stream, settings: Settings) -> None:
    there = settings.EVENTS_STREAM_URL
    settings.EVENTS_STREAM_URL = "redis://127.0.0.1:1/tickets"
    for _ in range(5):
        issue(client)
    assert (Ticket.objects.count(), LogEntry.objects.count(), stream.length(0)) == (5, 5, 0)

    settings.EVENTS_STREAM_URL = there
    relay.sweep(stream, 0)

    assert stream.length(0) == 5


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel"])
def test_no_request_waits_for_a_name_server_that_hangs(
    client: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    settings.EVENTS_FLUSH_TIMEOUT_SECONDS = 0.25
    settings.EVENTS_STREAM_URL = f"{scheme}://redis.example.org:6379/tickets"
    answer = Event()

    def hang(*_args: object, **_options: object) -> Never:
        answer.wait(HANG_SECONDS)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started_at = time.monotonic()
    try:
        for _ in range(5):
            issue(client)
        assert time.monotonic() - started_at < HANG_SECONDS
    finally:
        answer.set()
    assert LogEntry.objects.count() == 5


def test_the_relay_not_the_next_request_sends_what_an_outage_left(
    client: APIClient, stream: Stream, settings: Settings
) -> None:
    there = settings.EVENTS_STREAM_URL
    settings.EVENTS_STREAM_URL = "redis://127.0.0.1:1/tickets"
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(2_000)))

    settings.EVENTS_STREAM_URL = there
    issue(client)
    assert 0 < stream.length(0) <= BATCH_ROWS

    relay.sweep(stream, 0)
    assert stream.length(0) == LogEntry.objects.count() == 2_001


def test_a_silent_redis_costs_few_time_outs(
    client: APIClient,
    settings: Settings,
    silent_server: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EVENTS_STREAM_URL = f"redis://{silent_server}/tickets"
    settings.EVENTS_FLUSH_TIMEOUT_SECONDS = 0.5
    monkeypatch.setattr(relay.breaker, "_recovery_timeout", 600)  # However slow the machine is.
    for _ in range(20):
        issue(client)

    # Three time-outs open the breaker; without it there would be twenty.
    assert caplog.text.count("the flush is left to the relay") == 3
    assert LogEntry.objects.count() == 20


def test_several_slow_answers_share_one_deadline(
    stream: Stream, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    server = urlsplit(settings.EVENTS_STREAM_URL)
    settings.EVENTS_FLUSH_TIMEOUT_SECONDS = 3
    with running_proxy((server.hostname or "", server.port or 0)) as proxy:
        settings.EVENTS_STREAM_URL = with_address(settings.EVENTS_STREAM_URL, proxy.address)
        with unit_of_work():
            record(ThingMade(name="before"))
        stream._client.flushall()  # The stream has moved on, so a flush needs a second answer.
        proxy.fault = late(1.8)
        proxy.answers = 0
        with unit_of_work():
            record(*(ThingMade(name=f"thing-{number}") for number in range(BATCH_ROWS)))

    # The first answer came in time, the second one after the deadline; waking the relay would have taken a third.
    assert proxy.answers == 2
    assert "Redis takes longer than EVENTS_FLUSH_TIMEOUT_SECONDS" in caplog.text
    assert stream.length(0) == BATCH_ROWS
    assert relay.sweep(stream, 0) == 1


def test_requests_succeed_while_redis_is_read_only(client: APIClient, stream: Stream) -> None:
    stream._client.config_set("min-replicas-to-write", 1)  # Now Redis refuses every write, as after a fail-over.
    try:
        issue(client)
        assert stream.length(0) == 0
    finally:
        stream._client.config_set("min-replicas-to-write", 0)

    relay.sweep(stream, 0)
    assert stream.length(0) == LogEntry.objects.count() == 1
