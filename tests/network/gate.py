"""Run a real HTTP server in the test process in place of the access system."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any, NamedTuple
from uuid import UUID

from events.envelope import Envelope
from tests.network.in_thread import in_thread
from tests.ticket_events import envelope_of, ticket, ticket_id
from tickets.events import TicketCanceled
from tickets.webhooks.signing import new_secret, signers

SECRET = new_secret()


def canceled(number: int, *, new_ticket: int | None = 100, version: int = 2) -> Envelope:
    state = ticket(number, status="canceled", version=version)
    return envelope_of(TicketCanceled(ticket=state, new_ticket_id=new_ticket and ticket_id(new_ticket)))


class Call(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = 0.0
    """By the monotonic clock."""

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    @property
    def ticket(self) -> UUID:
        return UUID(self.message["data"]["ticketId"])

    def is_signed_with(self, secret: str) -> bool:
        [verifier] = signers([secret])
        return bool(verifier.verify(self.body, self.headers))


class Gate(ThreadingHTTPServer):
    """Keeps the messages that it receives, and gives the queued answers, then `answer`, a 204, to each further one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[Call] = []
        self.tests: list[Call] = []
        self.answer: Answer = status(204)
        self.answers: deque[Answer] = deque()
        self.answers_for: dict[UUID, Answer] = {}
        self.connections = 0
        self.in_flight: dict[UUID, int] = defaultdict(int)
        self.most_in_flight = 0
        self.lock = Lock()
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cancellations"

    @property
    def tickets(self) -> list[UUID]:
        return [call.ticket for call in self.calls]

    def handle_error(self, *_: Any) -> None:
        """Print nothing: the tests make clients disconnect."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.path, headers, self.rfile.read(int(self.headers["Content-Length"])), time.monotonic())
        if call.message["type"] == "test":
            self.server.tests.append(call)
            self.server.answer(self, call)
            return
        with self.server.lock:
            self.server.calls.append(call)
            self.server.in_flight[call.ticket] += 1
            self.server.most_in_flight = max(self.server.most_in_flight, sum(self.server.in_flight.values()))
            answer = self.server.answers_for.get(call.ticket) or (
                self.server.answers.popleft() if self.server.answers else self.server.answer
            )
        try:
            answer(self, call)
        finally:
            with self.server.lock:
                self.server.in_flight[call.ticket] -= 1

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


type Answer = Callable[[Handler, Call], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: Handler, _call: Call) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def slowly(seconds: float) -> Answer:
    def answer(handler: Handler, call: Call) -> None:
        handler.server.closing.wait(seconds)
        status(204)(handler, call)

    return answer


def silence(handler: Handler, _call: Call) -> None:
    handler.close_connection = True
    handler.server.closing.wait(30)


def cut(handler: Handler, _call: Call) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 O")


def endless_headers(handler: Handler, _call: Call) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Long: ")
    with suppress(OSError):
        while not handler.server.closing.wait(0.01):
            handler.wfile.write(b"x")


def endless_body(code: int, part: bytes, *, pause_seconds: float = 0) -> Answer:
    def answer(handler: Handler, _call: Call) -> None:
        handler.close_connection = True
        handler.send_response(code)
        handler.end_headers()
        with suppress(OSError):
            while not handler.server.closing.wait(pause_seconds):
                handler.wfile.write(part)

    return answer


@contextmanager
def opened_gate() -> Iterator[Gate]:
    with in_thread(Gate()) as server:
        try:
            yield server
        finally:
            server.closing.set()
