"""Measure the read model's consumer: its start, the delay from a commit to Elasticsearch's answer, and its memory.

uv run python -m benchmarks.consumer.process
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.relay.memory import peak_memory_mib
from benchmarks.servers import empty_log, loaded_project, place, vacuum_log

SAVES = 300
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 60
WAITING = (1_000, 100_000, 1_000_000)
TICKETS = 1_000
CONSUME = (sys.executable, "manage.py", "consume_events", "readmodel")
FILL = """
INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type,
                        aggregate_version, time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), 0, 'ticket.checked_in', 1, '/benchmark', id, 'ticket', version, now(),
       json_build_object('ticket', json_build_object(
           'id', id, 'code', 'CODE', 'title', repeat('concert ', 10), 'venue', 'Arena', 'seat', '',
           'starts_at', '2027-05-01T20:00:00Z', 'holder_name', 'Ada', 'holder_email', 'ada@example.org',
           'price', '10.00', 'currency', 'EUR', 'status', 'checked_in', 'replaces', NULL, 'version', version,
           'created_at', '2027-05-01T20:00:00Z', 'updated_at', '2027-05-01T20:00:00Z'))::text,
       'benchmark', '', '', ''
FROM (SELECT number, md5((number %% %s)::text)::uuid::text AS id, number / %s + 1 AS version
      FROM generate_series(1, %s) AS number) AS numbered
ORDER BY number
"""


def main() -> None:
    with loaded_project():
        print_start("new indices are made")
        print_start("the indices are there")
        print_delays()
        print_memory()


def print_start(indices: str) -> None:
    """Print how long a new process takes until it has handled an event."""
    from events.models import Checkpoint  # noqa: PLC0415 (after the setup)

    fill(1)
    started = time.perf_counter()
    process = subprocess.Popen((*CONSUME, "--limit", "1"))
    while not Checkpoint.objects.filter(group="readmodel", position=1).exists():
        time.sleep(0.005)
    seconds = time.perf_counter() - started
    Console().print(f"From the start of the process to its first event, where {indices}: {seconds:.2f} s")
    process.wait(PATIENCE_SECONDS)


def print_delays() -> None:
    """Print the time from a commit until Elasticsearch has acknowledged the document."""
    from benchmarks.recording.saves import issue_tickets  # noqa: PLC0415 (after the setup)
    from events.models import Checkpoint  # noqa: PLC0415

    fill(0)
    Checkpoint.objects.all().delete()
    committed: dict[str, float] = {}
    acknowledged: dict[str, float] = {}
    tickets = issue_tickets()
    consumer = threading.Thread(target=consume, args=(acknowledged, len(tickets) + SAVES))
    consumer.start()
    while len(acknowledged) < len(tickets):
        time.sleep(0.1)
    acknowledged.clear()
    for ticket in tickets[:SAVES]:
        save(ticket, committed)
        time.sleep(PAUSE_SECONDS)
    consumer.join(PATIENCE_SECONDS)
    percentiles = statistics.quantiles([acknowledged[key] - committed[key] for key in committed], n=100)
    table = Table("p50, ms", "p99, ms", title="From the commit to Elasticsearch's answer, idle")
    table.add_row(f"{percentiles[49] * 1e3:.1f}", f"{percentiles[98] * 1e3:.1f}")
    Console().print(table)


def save(ticket: Any, committed: dict[str, float]) -> None:
    from django.db import transaction  # noqa: PLC0415 (after the setup)

    from events import unit_of_work  # noqa: PLC0415

    with unit_of_work():
        # Registered before the flush's callback, so it runs right after the commit, before anything is sent.
        transaction.on_commit(lambda: committed.__setitem__(str(ticket.id), time.perf_counter()))
        ticket.check_in()


def consume(acknowledged: dict[str, float], events: int) -> None:
    from django.db import connections  # noqa: PLC0415 (after the setup)

    from events.consumer.consumer import Consumer  # noqa: PLC0415
    from events.envelope import Envelope  # noqa: PLC0415
    from events.groups.ownership import Ownership, heartbeat_thread  # noqa: PLC0415
    from events.processes.limits import Limits  # noqa: PLC0415
    from events.processes.shutdown import Shutdown  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415
    from readmodel.subscriber import ReadModel  # noqa: PLC0415

    class Timed(ReadModel):
        def handle(self, batch: Sequence[Envelope]) -> None:
            super().handle(batch)
            acknowledged.update((envelope.subject, time.perf_counter()) for envelope in batch)

    ownership = Ownership("readmodel", "benchmark")
    with closing(open_stream()) as stream, heartbeat_thread(ownership):
        Consumer(Timed(), stream, ownership, shutdown=Shutdown(), limits=Limits(events=events)).run()
    connections.close_all()


def print_memory() -> None:
    """Print the most memory that a process takes, for each number of waiting events."""
    table = Table("waiting events", "largest memory, MiB", title="The consumer's memory")
    for events in WAITING:
        fill(events)
        table.add_row(f"{events:,}", f"{peak_memory_mib((*CONSUME, '--until-idle')):.0f}")
    Console().print(table)


def fill(events: int) -> None:
    """Fill the log and the stream with this many events that the group has not handled."""
    from django.db import connection  # noqa: PLC0415 (after the setup)

    from events.models import Checkpoint  # noqa: PLC0415
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    Checkpoint.objects.all().delete()
    empty_log()
    with connection.cursor() as cursor:
        cursor.execute(FILL, [TICKETS, TICKETS, events])
    place(events)
    vacuum_log()
    with closing(open_stream()) as stream:
        stream.delete(0)
        sweep(stream, 0)


if __name__ == "__main__":
    main()
