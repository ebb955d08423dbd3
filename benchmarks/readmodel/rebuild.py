"""Compare rebuild_readmodel with a loop by hand that writes the same documents.

    uv run python -m benchmarks.readmodel.rebuild [--tickets 100000] [--rounds 3]

The loop by hand reads the same rows of the log, one page after the other, and writes each page in one request, in one
thread, into an index with the same mapping and settings. The reference has the documents' JSON ready; a second loop
makes it in the simplest way. Neither checks each document's result, keeps a checkpoint or proves anything, and both
miss what is written meanwhile.
"""

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, override

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_servers, loaded_project, vacuum_log

REFERENCE = "by hand"
OURS = "rebuild_readmodel"
RECORDED = 10_000
RECORDED_AT_ONCE = 500
COPIES = """
INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type,
                        aggregate_version, time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), partition, type, schema_version, source, other, aggregate_type,
       aggregate_version, time, replace(data, subject, other), correlation_id, causation_id, actor, traceparent
FROM events_log, generate_series(1, %s) AS number, LATERAL (SELECT md5(subject || number)::uuid::text AS other) AS named
ORDER BY number, id LIMIT %s
"""
READ_AT_ONCE = 2_000
BY_HAND = "written-by-hand"
REFUSED = "errors,items.index.error"
PHASES = ("fill", "proof", "switch", "drop the old one")
NEXT_PAGE = "SELECT id, subject, aggregate_version, data FROM events_log WHERE id > %s ORDER BY id LIMIT %s"


class Row(NamedTuple):
    """The columns that the loop by hand reads."""

    id: int
    subject: str
    version: int
    data: str


type ToJson = Callable[[Row], bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=100_000, help="tickets in the log (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of each way (default: %(default)s)")
    options = parser.parse_args()
    with loaded_project():
        fill(options.tickets)
        measure(options.tickets, options.rounds)
        empty_servers()


def fill(tickets: int) -> None:
    """Fill the log with one event per ticket, and let the read model handle them all."""
    from django.core.management import call_command  # noqa: PLC0415 (after the setup)

    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    record_all(tickets)
    with closing(open_stream()) as stream:
        sweep(stream, 0)
    vacuum_log()
    call_command("consume_events", "readmodel", until_idle=True)


def record_all(tickets: int) -> None:
    """Fill the log with one event per ticket, without positions; most are copies of the first ones under other ids."""
    from django.db import connection  # noqa: PLC0415 (after the setup)

    from benchmarks.readmodel.suggest import sample_ticket  # noqa: PLC0415
    from events import record, unit_of_work  # noqa: PLC0415
    from tests.ticket_events import ticket  # noqa: PLC0415
    from tickets.events import TicketIssued  # noqa: PLC0415

    empty_servers()
    recorded = min(tickets, RECORDED)
    for start in range(0, recorded, RECORDED_AT_ONCE):
        numbers = range(start, min(start + RECORDED_AT_ONCE, recorded))
        with unit_of_work() as unit:
            record(*(TicketIssued(ticket=ticket(**sample_ticket(number))) for number in numbers))
            unit.unflushed.clear()
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [tickets // recorded, tickets - recorded])


def measure(tickets: int, rounds: int) -> None:
    expect_same_documents()
    made = {row.subject: to_json(row) for page in pages() for row in page}
    ways: dict[str, Callable[[], Sequence[float]]] = {
        REFERENCE: lambda: by_hand(lambda row: made[row.subject]),
        "by hand, making the documents": lambda: by_hand(to_json),
        OURS: rebuild,
    }
    seconds: dict[str, list[Sequence[float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name in random.sample(list(ways), len(ways)):
            seconds[name].append(ways[name]())
            expect(tickets)
    print_rates(tickets, {name: statistics.median(map(sum, measured)) for name, measured in seconds.items()})
    print_phases([statistics.median(phase) for phase in zip(*seconds[OURS], strict=True)])


def by_hand(to_json: ToJson) -> Sequence[float]:
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    from readmodel.index.template import SETTINGS  # noqa: PLC0415
    from readmodel.tickets.documents import TicketDocuments  # noqa: PLC0415

    index = f"{BY_HAND}-{settings.READMODEL_ALIAS}"
    with closing(Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60)) as client:
        client.options(ignore_status=404).indices.delete(index=index)
        started = time.perf_counter()
        client.indices.create(
            index=index, mappings=TicketDocuments().mappings, settings={"index": {**SETTINGS, "refresh_interval": "-1"}}
        )
        for page in pages():
            answer = client.bulk(index=index, operations=to_ndjson(page, to_json), filter_path=REFUSED)
            if answer["errors"]:
                raise RuntimeError(f"documents were refused: {answer['items'][0]}")
        client.indices.refresh(index=index)
        return [time.perf_counter() - started]


def pages() -> Iterator[list[Row]]:
    from django.db import connection  # noqa: PLC0415 (after the setup)

    last = 0
    with connection.cursor() as cursor:
        while rows := cursor.execute(NEXT_PAGE, [last, READ_AT_ONCE]).fetchall():
            yield [Row(*row) for row in rows]
            last = rows[-1][0]


def to_ndjson(page: Sequence[Row], to_json: ToJson) -> bytes:
    from readmodel.projection import VERSION_STEP  # noqa: PLC0415 (after the setup)

    lines = []
    for row in page:
        version = row.version * VERSION_STEP
        lines.append(b'{"index":{"_id":"%b","version":%d,"version_type":"external"}}' % (row.subject.encode(), version))
        lines.append(to_json(row))
    return b"\n".join([*lines, b""])


def to_json(row: Row) -> bytes:
    from readmodel.tickets.documents import document_of  # noqa: PLC0415 (after the setup)
    from tickets.events import TicketState  # noqa: PLC0415 (after the setup)

    return msgspec.json.encode(document_of(msgspec.convert(msgspec.json.decode(row.data)["ticket"], TicketState)))


def expect_same_documents() -> None:
    """Fail if the loop by hand and the read model make different documents: they would not be comparable."""
    from events.log.reading import read_after  # noqa: PLC0415 (after the setup)
    from readmodel.tickets.documents import TicketDocuments  # noqa: PLC0415

    [envelope] = read_after(0, 0, limit=1)
    by_hand = to_json(next(pages())[0])
    if msgspec.json.decode(by_hand) != msgspec.to_builtins(TicketDocuments().versioned_document(envelope).source):
        raise RuntimeError(f"the read model makes another document than {by_hand!r}")


def rebuild() -> Sequence[float]:
    """Run the command, and return the seconds of each phase."""
    from django.core.management import call_command  # noqa: PLC0415 (after the setup)

    from readmodel.index.notes import Target  # noqa: PLC0415
    from readmodel.management.commands.rebuild_readmodel import Command  # noqa: PLC0415

    class Told(Command):
        """Also prints a line when the index is filled."""

        @override
        def _fill(self, target: Target) -> None:
            super()._fill(target)
            self.stdout.write("filled")

    lines = Clock()
    started = time.perf_counter()
    call_command(Told(), keep=0, stdout=lines)
    _, filled, proved, switched, dropped = lines.times
    return [
        b - a for a, b in zip((started, filled, proved, switched), (filled, proved, switched, dropped), strict=True)
    ]


class Clock(io.StringIO):
    """Keeps the time of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    @override
    def write(self, text: str) -> int:
        self.times.append(time.perf_counter())
        return super().write(text)


def expect(tickets: int) -> None:
    """Fail if the newest index lacks documents."""
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    with closing(Elasticsearch(settings.ELASTICSEARCH_URL)) as client:
        found: Any = client.indices.stats(index=f"*{settings.READMODEL_ALIAS}*", metric="docs")["indices"]
    counts = {name: index["primaries"]["docs"]["count"] for name, index in found.items() if "timeline" not in name}
    if set(counts.values()) != {tickets}:
        raise RuntimeError(f"not {tickets:,} documents in each index: {counts}")


def print_rates(tickets: int, seconds: dict[str, float]) -> None:
    table = Table("way", title=f"An index of {tickets:,} tickets, built anew")
    for column in ("seconds", "tickets/s", "times by hand"):
        table.add_column(column, justify="right")
    for name, taken in seconds.items():
        table.add_row(name, f"{taken:.1f}", f"{tickets / taken:,.0f}", f"{seconds[REFERENCE] / taken:.2f}")
    Console().print(table)


def print_phases(seconds: Sequence[float]) -> None:
    table = Table("phase", title=f"Where {OURS} spends its time")
    for column in ("seconds", "share"):
        table.add_column(column, justify="right")
    for name, taken in zip(PHASES, seconds, strict=True):
        table.add_row(name, f"{taken:.1f}", f"{taken / sum(seconds):.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
