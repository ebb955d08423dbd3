"""Compare the queries on a large log with the same queries on a log of a tenth of its rows.

uv run python -m benchmarks.relay.log_size [--rows 10000000]

It fills the log itself, in the database of DATABASE_URL, or in an embedded one.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_log, loaded_project, place, vacuum_log

REPEATS = 30
LEAST = 1_000_000
VERSIONS = 4
"""The number of events of each aggregate."""
FILL = """
INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type,
    aggregate_version, time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), 0, 'thing.moved', 1, '/',
    number %% %(aggregates)s, 'thing', number / %(aggregates)s + 1, now() - interval '100 days',
    '{"note": "' || repeat('x', 300) || '"}', '', '', '', ''
FROM generate_series(%(first)s, %(last)s) AS number
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the large log (default: 10,000,000)")
    rows = parser.parse_args().rows
    if rows < LEAST:
        parser.error(f"use at least {LEAST:,} rows: the small log has a tenth of them")
    with loaded_project():
        from events.models import LogEntry  # noqa: PLC0415 (after the setup)

        if LogEntry.objects.exists():
            parser.error("the log has events already; name a database of its own for the benchmark")
        few, many = (measured_with(size) for size in (rows // 10, rows))
        print_comparison(f"{rows // 10:,} rows", few, f"{rows:,} rows", many)


def fill(first: int, last: int, *, given: int, aggregates: int) -> None:
    """Append rows to the log; up to number `given` their position is their number, later ones have none yet."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(FILL, {"first": first, "last": last, "aggregates": aggregates})
    if given >= first:
        place(given - first + 1, after=first - 1)


def measured_with(rows: int) -> dict[str, float]:
    """Return the median milliseconds of each query on a log with this many rows."""
    with filled(rows):
        return {name: statistics.median(asking(rows)) for name, asking in QUESTIONS.items()}


@contextmanager
def filled(rows: int) -> Iterator[None]:
    from events.conf import conf  # noqa: PLC0415 (after the setup)
    from events.models import Checkpoint, Partition  # noqa: PLC0415

    fill(1, rows, given=rows, aggregates=rows // VERSIONS)
    vacuum_log()
    Partition.objects.update(compacted_to=rows // 2)
    Checkpoint.objects.bulk_create(
        Checkpoint(group=group, partition=0, position=rows // 4 * 3) for group in conf.subscribers
    )
    yield
    empty_log()
    Partition.objects.update(compacted_to=0)
    Checkpoint.objects.all().delete()


def timed(ask: Callable[[int], object], prepare: Callable[[int], object] = lambda _: None) -> Iterator[float]:
    for turn in range(REPEATS):
        prepare(turn)
        started = time.perf_counter()
        ask(turn)
        yield (time.perf_counter() - started) * 1_000


def giving(rows: int) -> Iterator[float]:
    from events.log.positions import BATCH_ROWS, give_positions  # noqa: PLC0415

    def record_batch(turn: int) -> None:
        first = rows + 1 + turn * BATCH_ROWS
        fill(first, first + BATCH_ROWS - 1, given=0, aggregates=rows // VERSIONS)

    return timed(lambda _: give_positions(0), record_batch)


def reading(rows: int) -> Iterator[float]:
    from events.log.reading import read_after  # noqa: PLC0415

    return timed(lambda turn: read_after(0, rows // 2 + turn * 500))


def knowing(rows: int) -> Iterator[float]:
    from events.log.reading import knows  # noqa: PLC0415

    return timed(lambda turn: knows(0, rows // 3 + turn, "01a20c65-fb00-71ae-9be6-d739b212ad73"))


def looking(_: int) -> Iterator[float]:
    from events.operations.status import status  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    with closing(open_stream()) as stream:
        yield from timed(lambda _: status(stream))


def compacting(_: int) -> Iterator[float]:
    from django.utils import timezone  # noqa: PLC0415

    from events.operations.compaction import compact  # noqa: PLC0415

    steps = compact(0, before=timezone.now(), dry_run=False)
    return timed(lambda _: next(steps))


QUESTIONS: dict[str, Callable[[int], Iterator[float]]] = {
    "give 500 positions": giving,
    "read the next 500 events": reading,
    "know the stream's end": knowing,
    "event_status, far behind": looking,
    "compact 500 events": compacting,
}


def print_comparison(few_title: str, few: dict[str, float], many_title: str, many: dict[str, float]) -> None:
    table = Table("median, ms", title="A large log")
    for column in (few_title, many_title, "ratio"):
        table.add_column(column, justify="right")
    for name, milliseconds in many.items():
        table.add_row(name, f"{few[name]:.2f}", f"{milliseconds:.2f}", f"{milliseconds / few[name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
