"""What recording events costs a transaction that saves one row.

uv run python -m benchmarks.emit
"""

import json
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.servers import loaded_project

if TYPE_CHECKING:
    from tickets.models import Ticket

ROUNDS = 15
REPEATS = 60
TICKETS = 500
REFERENCE = "plain save"


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from django.db import connection, transaction  # noqa: PLC0415 (after the setup)

    from events import record, unit_of_work  # noqa: PLC0415
    from events.relay import sweep  # noqa: PLC0415
    from events.stream import open_stream  # noqa: PLC0415
    from tickets.events import TicketIssued  # noqa: PLC0415

    tickets = issue_tickets()
    turns = count()

    def save() -> "Ticket":
        ticket = tickets[next(turns) % TICKETS]
        ticket.version += 1
        ticket.save()
        return ticket

    def plain() -> None:
        with transaction.atomic():
            save()

    def insert_by_hand() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            data = json.dumps({"id": str(save().id)})
            cursor.execute(
                "INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type,"
                " aggregate_version, time, data, correlation_id, causation_id, actor, traceparent)"
                " VALUES (%s, 0, 'by.hand', 1, '/', %s, 'hand', 1, now(), %s, '', '', '', '')",
                [uuid4(), str(uuid4()), data],
            )

    def store(events: int) -> None:
        with transaction.atomic():
            changed = [save(), *(tickets[next(turns) % TICKETS] for _ in range(events - 1))]
            for ticket in changed[1:]:
                ticket.version += 1
            record(*(TicketIssued(ticket=ticket.state()) for ticket in changed))
            transaction.get_connection().run_on_commit.clear()  # Stored only: the flush is measured below.

    def flush() -> None:
        with unit_of_work():
            record(TicketIssued(ticket=save().state()))

    variants = {
        REFERENCE: plain,
        "plain save + INSERT by hand": insert_by_hand,
        "save, 1 event stored": lambda: store(1),
        "save, 3 events stored": lambda: store(3),
        "save, 1 event stored and flushed on commit": flush,
    }
    for variant in variants.values():
        variant()
    with closing(open_stream()) as stream:
        seconds = median_seconds(variants, rounds=ROUNDS, repeats=REPEATS, tidy_up=lambda: sweep(stream, 0))
    print_ratios(f"Recording events, on {connection.vendor}", seconds, reference=REFERENCE)


def issue_tickets() -> list["Ticket"]:
    from tickets.models import Ticket  # noqa: PLC0415

    return Ticket.issue_many(
        {
            "title": f"Concert {number}",
            "venue": "Arena",
            "starts_at": datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
            "holder_name": "Ada",
            "holder_email": "ada@example.org",
            "price": Decimal(10),
            "currency": "EUR",
        }
        for number in range(TICKETS)
    )


if __name__ == "__main__":
    main()
