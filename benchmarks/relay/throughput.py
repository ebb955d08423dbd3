"""Compare the relay with the shortest loop by hand that sends rows and marks them as sent.

    uv run python -m benchmarks.relay.throughput

The loop by hand selects 500 rows of a table of its own, sends them in a pipeline and updates them. Its positions have
gaps, a second process breaks the order, a kill doubles entries, and it does not notice a wiped stream.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import closing

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_log, execute, loaded_project

EVENTS = 20_000
ROUNDS = 5
BATCH = 500
STREAM_BY_HAND = "by-hand"
TABLE_BY_HAND = """
CREATE TABLE by_hand (LIKE events_log INCLUDING ALL);
ALTER TABLE by_hand ADD COLUMN position bigint;
CREATE INDEX ON by_hand (id) WHERE position IS NULL;
"""
FILL = """
INSERT INTO {table} (event_id, partition, type, schema_version, source, subject, aggregate_type, aggregate_version,
                        time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), 0, 'thing.moved', 1, '/benchmark', gen_random_uuid()::text, 'thing', 1,
       now(), json_build_object('note', repeat('x', 400))::text, gen_random_uuid()::text, '', 'ada', ''
FROM generate_series(1, %s)
"""
SELECT = """
SELECT id, event_id::text, type, source, subject, time::text, data, aggregate_version, correlation_id, actor
FROM by_hand WHERE position IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
FIELDS = ("id", "type", "source", "subject", "time", "data", "aggregateversion", "correlationid", "actor")


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415
    from events.stream.redis_client import connect  # noqa: PLC0415 (after the setup)

    rates: dict[str, list[float]] = {"by hand": [], "relay": []}
    with closing(open_stream()) as stream, closing(connect(stream.dsn, timeout_seconds=5)) as client:
        execute(TABLE_BY_HAND)
        for _ in range(ROUNDS):
            execute("TRUNCATE by_hand")
            rates["by hand"].append(rate(lambda: relay_by_hand(client), table="by_hand"))
            client.delete(STREAM_BY_HAND)
            rates["relay"].append(rate(lambda: sweep(stream, 0)))
    print_rates(rates)
    print_signing(statistics.median(rates["relay"]))


def rate(work: Callable[[], object], *, table: str = "events_log") -> float:
    """Fill the table, run the work, and return its events per second."""
    fill(EVENTS, table=table)
    started = time.perf_counter()
    work()
    return EVENTS / (time.perf_counter() - started)


def fill(events: int, *, table: str = "events_log") -> None:
    """Empty the log and the stream, and add this many waiting events to the table."""
    from django.db import connection  # noqa: PLC0415

    from events.stream.interface import open_stream  # noqa: PLC0415

    with closing(open_stream()) as stream:
        stream.delete(0)
    empty_log()
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(table=table), [events])
        cursor.execute(f"ANALYZE {table}")


def relay_by_hand(client: "redis.Redis[bytes]") -> None:
    from django.db import connection, transaction  # noqa: PLC0415

    sent = 0
    while sent < EVENTS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SELECT, [BATCH])
            rows = cursor.fetchall()
            pipeline = client.pipeline(transaction=False)
            for row in rows:
                pipeline.xadd(STREAM_BY_HAND, dict(zip(FIELDS, row[1:], strict=True)))
            pipeline.execute()
            positions = list(range(sent + 1, sent + 1 + len(rows)))
            cursor.execute(
                "UPDATE by_hand SET position = sent.position"
                " FROM unnest(%s::bigint[], %s::bigint[]) AS sent(id, position) WHERE by_hand.id = sent.id",
                [[row[0] for row in rows], positions],
            )
        sent += len(rows)


def print_rates(rates: dict[str, list[float]]) -> None:
    table = Table("relay", "events/s, median", "times by hand", title=f"{EVENTS:,} waiting events, batches of {BATCH}")
    reference = statistics.median(rates["by hand"])
    for name, measured in rates.items():
        median = statistics.median(measured)
        table.add_row(name, f"{median:,.0f}", f"{median / reference:.2f}")
    Console().print(table)


def print_signing(relay_rate: float) -> None:
    """Print what a signature costs, and its share of the time in which the relay appends an event."""
    from events import log  # noqa: PLC0415
    from events.stream.signing import Signatures  # noqa: PLC0415

    signatures = Signatures("benchmark", 0, generation=1)
    entries = [(envelope.position or 0, envelope.to_fields()) for envelope in log.read_after(0, 0)]
    seconds_of = {"signing": processor_seconds(signatures.sign, entries)}
    for position, fields in entries:
        signatures.sign(position, fields)
    seconds_of["verifying"] = processor_seconds(signatures.verify, entries)
    for name, seconds in seconds_of.items():
        print(f"{name}: {seconds * 1e6:.1f} µs an event, {seconds * relay_rate:.1%} of the relay's time for it")


def processor_seconds(
    work: Callable[[int, dict[str, str]], object], entries: list[tuple[int, dict[str, str]]]
) -> float:
    """Return the processor's time for an entry, the least of some rounds."""
    rounds = []
    for _ in range(20):
        copies = [(position, dict(fields)) for position, fields in entries]
        started = time.process_time()
        for position, fields in copies:
            work(position, fields)
        rounds.append((time.process_time() - started) / len(entries))
    return min(rounds)


if __name__ == "__main__":
    main()
