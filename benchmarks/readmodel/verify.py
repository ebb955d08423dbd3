"""Measure verify_readmodel's time and memory for a million tickets, and the audit's cost at rest.

uv run python -m benchmarks.readmodel.verify [--tickets 1000000]
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import closing
from itertools import batched
from typing import Any

import psutil
from rich.console import Console

from benchmarks.consumer.process import CONSUME, FILL
from benchmarks.relay.memory import peak_memory_mib
from benchmarks.servers import empty_log, loaded_project, place, vacuum_log

TICKETS = 1_000_000
DAMAGED = 1_000
AT_ONCE = 2_000
MOST_FAILURES = 10
REST_SECONDS = 20
RATES = (0, 200, 1_000)
VERIFY = (sys.executable, "manage.py", "verify_readmodel", "tickets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=TICKETS, help="tickets in the log (default: %(default)s)")
    tickets = parser.parse_args().tickets
    with loaded_project():
        fill(tickets)
        print_verification(tickets)
        print_audit()


def print_verification(tickets: int) -> None:
    for title, command in (("verify_readmodel", VERIFY), ("a second time", VERIFY)):
        started = time.perf_counter()
        peak = peak_memory_mib(command)
        seconds = time.perf_counter() - started
        print_line(
            f"{title}: {tickets:,} tickets in {seconds:.1f} s ({tickets / seconds:,.0f}/s), at most {peak:.0f} MiB"
        )
    damage()
    started = time.perf_counter()
    finished = subprocess.run((*VERIFY, "--repair"), capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    print_line(f"with repairs: {finished.stdout.splitlines()[-1]} in {seconds:.1f} s")


def print_audit() -> None:
    """Print the share of a core that the consumer takes at rest."""
    for rate in RATES:
        process = psutil.Popen(CONSUME, env=os.environ | {"READMODEL_AUDIT_PER_SECOND": str(rate)})
        time.sleep(REST_SECONDS / 2)
        before = sum(process.cpu_times()[:2])
        time.sleep(REST_SECONDS)
        used = sum(process.cpu_times()[:2]) - before
        print_line(f"the consumer at rest, {rate:,} documents audited each second: {used / REST_SECONDS:.1%} of a core")
        process.terminate()
        process.wait()


def fill(tickets: int) -> None:
    """Fill the log with one event per ticket, and the index with their documents, as if all were handled."""
    from django.db import connection  # noqa: PLC0415 (after the setup)

    empty_log()
    with connection.cursor() as cursor:
        cursor.execute(FILL, [tickets, 2 * tickets, tickets])
    index_all(tickets)


def index_all(tickets: int) -> None:
    """Give positions to the log's events, and fill the index with their documents, as if all were handled."""
    from events.models import Checkpoint  # noqa: PLC0415 (after the setup)
    from readmodel.index.document_index import connect  # noqa: PLC0415
    from readmodel.projection import projections  # noqa: PLC0415
    from readmodel.tickets.documents import TicketDocuments  # noqa: PLC0415

    Checkpoint.objects.all().delete()
    place(tickets)
    vacuum_log()
    for projection in projections():
        with closing(connect(projection)) as index:
            target = index.indices.ensure()
            if projection is TicketDocuments:
                write(index.documents(target))
        # The timeline's checkpoint too, though it stays empty: a consumer that fills it is not at rest.
        Checkpoint.objects.create(group="readmodel", target=target.uuid, partition=0, position=tickets)


def write(documents: Any) -> None:
    from events.exceptions import RetryLater  # noqa: PLC0415 (after the setup)
    from events.log.reading import read_after  # noqa: PLC0415

    position, failures = 0, 0
    while envelopes := read_after(0, position, limit=AT_ONCE):
        try:
            documents.write(documents.projection.project(envelopes).documents)
            position, failures = envelopes[-1].position or 0, 0
        except RetryLater:  # On a busy machine a request may take longer than its time-out.
            failures += 1
            if failures > MOST_FAILURES:
                raise


def damage() -> None:
    """Delete some documents, and add as many that no ticket has."""
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    with closing(Elasticsearch(settings.ELASTICSEARCH_URL)) as client:
        hits = client.search(index=settings.READMODEL_ALIAS, size=DAMAGED, source=False)["hits"]["hits"]
        deleted = [{"delete": {"_id": hit["_id"]}} for hit in hits]
        invented = [
            line for number in range(DAMAGED) for line in ({"index": {"_id": f"ghost {number}"}}, {"title": "x"})
        ]
        for lines in batched(deleted + invented, AT_ONCE, strict=False):
            client.bulk(index=settings.READMODEL_ALIAS, operations=lines)


def print_line(text: str) -> None:
    Console().print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
