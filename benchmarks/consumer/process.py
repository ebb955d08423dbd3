"""Measure the read model's consumer: its start, the delay from a commit to Elasticsearch's answer, and its memory.

    uv run python -m benchmarks.consumer.process [PART]

The delay is measured with the consumer in a process of its own, 25 times a second. Between two saves this process
writes a document by itself, in the same way: no consumer can be faster than that.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.consumer.timed import timed_consumer
from benchmarks.relay.memory import peak_memory_mib
from benchmarks.servers import empty_log, loaded_project, place, vacuum_log

SAVES = 300
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 60
REST_SECONDS = 3
COMMIT_TO_ANSWER = "the commit until Elasticsearch has answered"
BARE_LOOP = "a bare loop's request until it is answered"
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS, nargs="?", help="what to measure (default: all)")
    part = parser.parse_args().part
    with loaded_project():
        for measure in [PARTS[part]] if part else PARTS.values():
            measure()


def print_starts() -> None:
    print_start("new indices are made")
    print_start("the indices are there")


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
    """Print the time from a commit until Elasticsearch has answered, and what a bare loop takes for the same write."""
    from benchmarks.recording.saves import issue_tickets  # noqa: PLC0415 (after the setup)
    from events.models import Checkpoint  # noqa: PLC0415

    fill(0)
    Checkpoint.objects.all().delete()
    tickets = issue_tickets()
    committed: dict[str, float] = {}
    by_hand: list[float] = []
    with timed_consumer() as handled, closing(BareLoop()) as bare_loop:
        bare_loop.wait_for(len(tickets))
        for ticket in tickets[:SAVES]:
            save(ticket, committed)
            time.sleep(PAUSE_SECONDS)
            by_hand.append(bare_loop.write(ticket))
            time.sleep(PAUSE_SECONDS)
        time.sleep(1)  # The last one is handled too.
    seconds = {
        "the commit until the consumer has the event": [handled[key].begun_at - at for key, at in committed.items()],
        "that until Elasticsearch has answered": [
            handled[key].answered_at - handled[key].begun_at for key in committed
        ],
        COMMIT_TO_ANSWER: [handled[key].answered_at - at for key, at in committed.items()],
        BARE_LOOP: by_hand,
    }
    print_percentiles({name: statistics.quantiles(measured, n=100) for name, measured in seconds.items()})


def print_percentiles(hundredths: Mapping[str, Sequence[float]]) -> None:
    table = Table("from", title="From the commit to Elasticsearch's answer, idle")
    for column in ("p50, ms", "p99, ms"):
        table.add_column(column, justify="right")
    for name, measured in hundredths.items():
        table.add_row(name, f"{measured[49] * 1e3:.1f}", f"{measured[98] * 1e3:.1f}")
    ratios = [hundredths[COMMIT_TO_ANSWER][percent] / hundredths[BARE_LOOP][percent] for percent in (49, 98)]
    Console().print(table)
    print(f"From the commit to the answer, times the bare loop's write: p50 {ratios[0]:.1f}, p99 {ratios[1]:.1f}")


def save(ticket: Any, committed: dict[str, float]) -> None:
    from django.db import transaction  # noqa: PLC0415 (after the setup)

    from events import unit_of_work  # noqa: PLC0415

    with unit_of_work():
        # Registered before the flush's callback, so it runs right after the commit, before anything is sent.
        transaction.on_commit(lambda: committed.__setitem__(str(ticket.id), time.perf_counter()))
        ticket.check_in()


class BareLoop:
    """Writes documents as the consumer does, one at a time into an index of its own: the part that is the server's."""

    def __init__(self) -> None:
        from django.conf import settings  # noqa: PLC0415 (after the setup)
        from elasticsearch import Elasticsearch  # noqa: PLC0415

        from readmodel.index.template import SETTINGS  # noqa: PLC0415
        from readmodel.tickets.documents import TicketDocuments  # noqa: PLC0415

        self._client = Elasticsearch(settings.ELASTICSEARCH_URL)
        self._alias = settings.READMODEL_ALIAS
        self._index = f"by-hand-{self._alias}"
        projection = TicketDocuments()
        self._client.indices.create(
            index=self._index,
            mappings=projection.mappings,
            settings={"index": {**SETTINGS, **projection.settings}},
        )

    def wait_for(self, tickets: int) -> None:
        """Wait until the read model has so many tickets, and has been at rest for a while."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._count() < tickets:
            if time.monotonic() > until:
                raise RuntimeError("the tickets that are issued don't come into the index")
            time.sleep(0.1)
        time.sleep(REST_SECONDS)

    def _count(self) -> int:
        found = self._client.options(ignore_status=404).search(
            index=self._alias, size=0, track_total_hits=True, ignore_unavailable=True, allow_no_indices=True
        )
        return int(found["hits"]["total"]["value"]) if "hits" in found else 0

    def write(self, ticket: Any) -> float:
        """Return the seconds until the answer."""
        from readmodel.index.bulk import to_ndjson  # noqa: PLC0415 (after the setup)
        from readmodel.projection import VersionedDocument  # noqa: PLC0415
        from readmodel.tickets.documents import document_of  # noqa: PLC0415

        document = VersionedDocument(str(ticket.id), ticket.version, document_of(ticket.state()), uuid4())
        started = time.perf_counter()
        self._client.bulk(index=self._index, operations=to_ndjson([document]))  # type: ignore[arg-type]
        return time.perf_counter() - started

    def close(self) -> None:
        self._client.close()


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


PARTS = {"start": print_starts, "delay": print_delays, "memory": print_memory}


if __name__ == "__main__":
    main()
