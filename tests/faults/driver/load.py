"""Change tickets as clients do, by HTTP, and remember what was promised: an answered change must not get lost.

Besides, an operator's program corrects tickets in the database and leaves the flush to the relay, as all writers do
where EVENTS_FLUSH_ON_COMMIT is off.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from django.db import Error, connection

from events import record, unit_of_work
from tests.faults.driver.installation import Installation
from tickets.aggregate import TicketAggregate
from tickets.models import Status, Ticket

CLIENTS = 3
INTERVAL_SECONDS = 0.12
"""Of a client's changes, if the answers do not take longer."""
CORRECTION_SECONDS = 0.12
ENDED_SHARE, CHECKED_IN_SHARE = 0.5, 0.3
EXPECTED = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.CONFLICT}
"""How a change may be refused: a server is away, or the ticket was changed at the same time."""
FIELDS = {
    "title": "Nacht der Museen",
    "venue": "Arena",
    "starts_at": "2031-05-01T20:00:00Z",
    "holder_name": "Ada",
    "holder_email": "ada@example.org",
    "price": "10.00",
    "currency": "EUR",
}


class Promise(NamedTuple):
    """A change that was answered: the ticket has this state from now on, and this other ticket replaces it."""

    ticket: UUID
    status: str
    replacement: UUID | None = None


class Load:
    """All writers of one schedule; `promises` and `answered` grow while they run."""

    def __init__(self, installation: Installation, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self.installation = installation
        self.interval_seconds = interval_seconds
        self.promises: list[Promise] = []
        self.answered: list[float] = []
        """When each change was answered, by the monotonic clock."""
        self.latencies: list[float] = []
        self.canceled_at: dict[UUID, float] = {}
        self.refused: list[str] = []
        """Answers that no fault excuses."""
        self.unanswered = 0
        self.began_at = time.monotonic()
        self._must_stop = threading.Event()
        self._threads = [threading.Thread(target=self._change, name="client") for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._correct, name="operator"))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the writers change tickets until the block ends, also if it fails: the driver would never end."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._must_stop.set()
            for thread in self._threads:
                thread.join()

    @property
    def longest_silence_seconds(self) -> float:
        """Return the longest time without an answered change."""
        moments = [self.began_at, *sorted(self.answered)]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)

    def _change(self) -> None:
        own: list[UUID] = []
        began = time.monotonic()
        while not self._must_stop.wait(max(began + self.interval_seconds - time.monotonic(), 0.0)):
            began = time.monotonic()
            try:
                if own and random.random() < ENDED_SHARE:
                    self._end_one(own)
                else:
                    self._issue(own)
                self.latencies.append(time.monotonic() - began)
            except httpx.TransportError:
                self.unanswered += 1

    def _issue(self, own: list[UUID]) -> None:
        if found := self._send("/api/tickets/", FIELDS):
            own.append(UUID(found["id"]))
            self._promise(Promise(own[-1], Status.ISSUED))

    def _end_one(self, own: list[UUID]) -> None:
        """Cancel a ticket or check it in; never again, since the answer may be lost."""
        ticket = own.pop(random.randrange(len(own)))
        if random.random() < CHECKED_IN_SHARE:
            if self._send(f"/api/tickets/{ticket}/check-in/"):
                self._promise(Promise(ticket, Status.CHECKED_IN))
        elif found := self._send(f"/api/tickets/{ticket}/cancel/"):
            self.canceled_at[ticket] = time.monotonic()
            replacement = UUID(found["replacement"]["id"])
            own.append(replacement)
            self._promise(Promise(ticket, Status.CANCELED, replacement))

    def _promise(self, promise: Promise) -> None:
        self.promises.append(promise)
        self.answered.append(time.monotonic())

    def _send(self, path: str, fields: dict[str, str] | None = None) -> Any:
        client = self.installation.client
        answer = client.post(path, json=fields) if fields else client.post(path)
        if answer.is_success:
            return answer.json()
        if answer.status_code not in EXPECTED:
            self.refused.append(f"POST {path} was answered {answer.status_code}: {answer.text[:300]}")
        return None

    def _correct(self) -> None:
        while not self._must_stop.wait(CORRECTION_SECONDS):
            try:
                self._correct_one()
            except Error:
                self.unanswered += 1
            finally:
                connection.close()

    def _correct_one(self) -> None:
        ended = [promise.ticket for promise in self.promises[-20:]]
        if not ended:
            return
        with unit_of_work():
            ticket = Ticket.objects.select_for_update(no_key=True).get(id=random.choice(ended))
            ticket.title = f"Corrected {random.random()}"
            ticket.version += 1
            ticket.save(update_fields=["title", "version"])
            record(TicketAggregate().correction(ticket))
