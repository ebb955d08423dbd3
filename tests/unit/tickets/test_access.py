"""The access system of these tests is a real HTTP server on this machine."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured

from events.envelope import Envelope
from events.exceptions import RetryLater, Unprocessable
from tests.ticket_events import envelope_of, ticket, ticket_id
from tickets.access import AccessSystem
from tickets.events import TicketCanceled, TicketIssued


class Gate(ThreadingHTTPServer):
    """Keeps what it is told, and answers with the statuses it is given, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.told: list[Any] = []
        self.answers: list[int] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cancellations"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.path, json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def access(gate: Gate, settings: Any) -> Iterator[AccessSystem]:
    settings.ACCESS_SYSTEM_URL = gate.url
    system = AccessSystem()
    assert system.open() == ""
    yield system
    system.close()


def canceled(number: int, new_ticket: int | None = 100) -> Envelope:
    state = ticket(number, status="canceled", version=2)
    return envelope_of(TicketCanceled(ticket=state, new_ticket_id=new_ticket and ticket_id(new_ticket)))


def test_a_cancellation_tells_both_ids(access: AccessSystem, gate: Gate) -> None:
    event = canceled(1)

    access.handle([event])

    assert gate.told == [
        (
            "/cancellations",
            {
                "ticketId": str(ticket_id(1)),
                "newTicketId": str(ticket_id(100)),
                "version": 2,
                "eventId": str(event.id),
                "occurredAt": event.time.isoformat(),
            },
        )
    ]


def test_other_events_are_no_news(access: AccessSystem) -> None:
    cancellation = canceled(1)

    assert access.select([envelope_of(TicketIssued(ticket=ticket())), cancellation]) == [cancellation]


def test_a_batch_is_told_in_order_over_one_connection(access: AccessSystem, gate: Gate) -> None:
    access.handle([canceled(number) for number in range(5)])

    assert [body["ticketId"] for _, body in gate.told] == [str(ticket_id(number)) for number in range(5)]
    assert gate.connections == 1


@pytest.mark.parametrize("status", [302, 429, 500, 503])
def test_what_may_mend_is_tried_later(access: AccessSystem, gate: Gate, status: int) -> None:
    gate.answers = [status]

    with pytest.raises(RetryLater, match=f"answered {status} for ticket {ticket_id(1)}"):
        access.handle([canceled(1)])

    assert len(gate.told) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_is_final(access: AccessSystem, gate: Gate, status: int) -> None:
    gate.answers = [status]

    with pytest.raises(Unprocessable, match=f"answered {status} for ticket {ticket_id(1)}"):
        access.handle([canceled(1)])


def test_a_server_that_is_away_is_tried_later(access: AccessSystem, gate: Gate) -> None:
    gate.shutdown()
    gate.server_close()

    with pytest.raises(RetryLater, match="does not answer"):
        access.handle([canceled(1)])


def test_without_a_replacement_the_ticket_is_named_and_nobody_is_told(
    access: AccessSystem, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unprocessable, match=f"ticket {ticket_id(2)} has no newTicketId"):
        access.handle([canceled(1), canceled(2, new_ticket=None)])

    assert gate.told == []
    [entry] = caplog.get_records("call")
    assert (entry.levelno, entry.name) == (logging.ERROR, "tickets.access")
    assert str(ticket_id(2)) in entry.getMessage()


def test_an_event_without_the_field_at_all_is_the_same(access: AccessSystem) -> None:
    event = canceled(1)
    old = msgspec.structs.replace(event, data=json.dumps({"ticket": json.loads(event.data)["ticket"]}))

    with pytest.raises(Unprocessable, match="has no newTicketId"):
        access.handle([old])


@pytest.mark.parametrize("url", ["", "gate.example", "ftp://gate.example/", "http://", "http://gate.example:port/"])
def test_an_address_that_is_none_is_refused_at_the_start(settings: Any, url: str) -> None:
    settings.ACCESS_SYSTEM_URL = url

    with pytest.raises(ImproperlyConfigured, match="ACCESS_SYSTEM_URL="):
        AccessSystem().open()
