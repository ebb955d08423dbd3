"""The saves that benchmarks/recording/emit.py compares; imported after Django's setup."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from uuid import uuid4

from django.db import connection, transaction

from events import record, unit_of_work
from tickets.events import TicketIssued
from tickets.models import Ticket, TicketFields

TICKETS = 500
INSERT_BY_HAND = """
INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type, aggregate_version,
                        time, data, correlation_id, causation_id, actor, traceparent)
VALUES (%s, 0, 'by.hand', 1, '/', %s, 'hand', 1, now(), %s, '', '', '', '')
"""


class Saves:
    """Transactions that save a ticket, with and without events; each call takes the next ticket."""

    def __init__(self) -> None:
        self.tickets = issue_tickets()
        self.turns = count()

    def variants(self) -> dict[str, Callable[[], None]]:
        return {
            "plain save": self.plain,
            "plain save + INSERT by hand": self.insert_by_hand,
            "save, 1 event stored": lambda: self.store(1),
            "save, 3 events stored": lambda: self.store(3),
            "save, 1 event stored and flushed on commit": self.flush,
        }

    def plain(self) -> None:
        with transaction.atomic():
            self.changed().save()

    def insert_by_hand(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            ticket = self.changed()
            ticket.save()
            cursor.execute(INSERT_BY_HAND, [uuid4(), str(uuid4()), json.dumps({"id": str(ticket.id)})])

    def store(self, events: int) -> None:
        with transaction.atomic():
            changed = [self.changed() for _ in range(events)]
            changed[0].save()
            record(*(TicketIssued(ticket=ticket.state()) for ticket in changed))
            connection.run_on_commit.clear()  # Without the flush, which is a variant of its own.

    def flush(self) -> None:
        with unit_of_work():
            ticket = self.changed()
            ticket.save()
            record(TicketIssued(ticket=ticket.state()))

    def changed(self) -> Ticket:
        ticket = self.tickets[next(self.turns) % TICKETS]
        ticket.version += 1
        return ticket


def issue_tickets() -> list[Ticket]:
    return Ticket.issue_many(map(details, range(TICKETS)))


def details(number: int) -> TicketFields:
    return {
        "title": f"Concert {number}",
        "venue": "Arena",
        "starts_at": datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
        "holder_name": "Ada",
        "holder_email": "ada@example.org",
        "price": Decimal(10),
        "currency": "EUR",
    }
