"""Compare ways to store positions: rows/s, and the bytes of the write-ahead log (WAL) that an event costs.

    uv run python -m benchmarks.relay.giving_positions

`column` is a column of the log, in a unique index over all rows. `column, partial index` leaves out the rows without a
position. `narrow row` keeps the position in a row of its own, inserted with the event and updated later. `append-only`
inserts that row only when it has a position; until then a row of a third table, which a trigger adds, says that the
event waits: this is how the project does it.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.servers import execute, loaded_project

EVENTS = 20_000
BATCH = 500
ROUNDS = 5
INSERT = """
INSERT INTO {log} (event_id, partition, type, schema_version, source, subject, aggregate_type, aggregate_version,
                   time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), 0, 'thing.moved', 1, '/benchmark', gen_random_uuid()::text, 'thing', 1,
       now(), json_build_object('note', repeat('x', 588))::text, gen_random_uuid()::text, '', 'ada', ''
FROM generate_series(1, {batch})
"""
UPDATE = """
UPDATE {table} AS log SET position = %(last)s + waiting.rank
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS rank
    FROM (
        SELECT id FROM {table} WHERE partition = 0 AND position IS NULL ORDER BY id LIMIT {batch}
    ) AS oldest
) AS waiting
WHERE log.id = waiting.id
"""
MOVE = """
WITH given AS (
    DELETE FROM waiting WHERE partition = 0 AND id IN (
        SELECT id FROM waiting WHERE partition = 0 ORDER BY id LIMIT {batch}
    )
    RETURNING id
)
INSERT INTO place (partition, position, id)
SELECT 0, %(last)s + row_number() OVER (ORDER BY id), id FROM given
"""
READ = """
SELECT event_id, type, subject, time, data, position FROM {tables}
WHERE {place}.partition = 0 AND position > %(last)s AND position <= %(last)s + {batch} ORDER BY position
"""


class Way(NamedTuple):
    """How positions are stored: the statements that create the tables, and those of each step."""

    create: str
    insert: str
    give: str
    read: str


COPY = """
DROP TABLE IF EXISTS log, place, waiting;
CREATE TABLE log (LIKE events_log INCLUDING DEFAULTS INCLUDING IDENTITY);
ALTER TABLE log ADD COLUMN position bigint;
CREATE UNIQUE INDEX ON log (id);
CREATE UNIQUE INDEX ON log (event_id);
CREATE UNIQUE INDEX ON log (aggregate_type, subject, aggregate_version);
"""
WAITING = "CREATE INDEX ON {table} (partition, id) WHERE position IS NULL;"
PARTIAL = "CREATE UNIQUE INDEX ON {table} (partition, position) WHERE position IS NOT NULL;"
PLACE = """
ALTER TABLE log DROP COLUMN position;
CREATE TABLE place (id bigint PRIMARY KEY, partition smallint NOT NULL, position bigint);
"""
APPENDED = """
ALTER TABLE log DROP COLUMN position;
CREATE TABLE waiting (partition smallint, id bigint, PRIMARY KEY (partition, id));
CREATE TABLE place (partition smallint, position bigint, id bigint NOT NULL UNIQUE, PRIMARY KEY (partition, position));
CREATE OR REPLACE FUNCTION let_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO waiting (partition, id) SELECT partition, id FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER let_wait AFTER INSERT ON log
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION let_wait();
"""
WITH_ROW = f"WITH added AS ({INSERT} RETURNING id) INSERT INTO place (partition, id) SELECT 0, id FROM added"  # noqa: S608 (constant text)
JOINED = "place JOIN log USING (id)"
WAYS = {
    "column": Way(
        COPY + "CREATE UNIQUE INDEX ON log (partition, position);" + WAITING.format(table="log"),
        INSERT,
        UPDATE.format(table="log", batch=BATCH),
        READ.format(tables="log", place="log", batch=BATCH),
    ),
    "column, partial index": Way(
        COPY + PARTIAL.format(table="log") + WAITING.format(table="log"),
        INSERT,
        UPDATE.format(table="log", batch=BATCH),
        READ.format(tables="log", place="log", batch=BATCH),
    ),
    "narrow row": Way(
        COPY + PLACE + PARTIAL.format(table="place") + WAITING.format(table="place"),
        WITH_ROW,
        UPDATE.format(table="place", batch=BATCH),
        READ.format(tables=JOINED, place="place", batch=BATCH),
    ),
    "append-only": Way(
        COPY + APPENDED,
        INSERT,
        MOVE.format(batch=BATCH),
        READ.format(tables=JOINED, place="place", batch=BATCH),
    ),
}


class Cost(NamedTuple):
    """The cost of an event in one step."""

    microseconds: float
    wal_bytes: float


def main() -> None:
    with loaded_project():
        costs: dict[str, list[dict[str, Cost]]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, way in WAYS.items():
                costs[name].append(measure(way))
    print_costs(costs)


def measure(way: Way) -> dict[str, Cost]:
    """Return the cost of each step: insert batches, give them positions, and read them."""
    execute(way.create)
    execute("CHECKPOINT")  # Else one of the steps would pay for the pages of the steps before it.
    batches = range(0, EVENTS, BATCH)
    insert = way.insert.format(log="log", batch=BATCH)
    costs = {"insert": cost_of(lambda: [execute(insert) for _ in batches])}
    execute("ANALYZE")
    costs["give"] = cost_of(lambda: [run(way.give, last) for last in batches])
    execute("VACUUM ANALYZE")
    costs["read"] = cost_of(lambda: [run(way.read, last) for last in batches])
    return costs


def cost_of(work: Callable[[], object]) -> Cost:
    before, started = wal_bytes(), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return Cost(seconds * 1e6 / EVENTS, (wal_bytes() - before) / EVENTS)


def run(statement: str, last: int) -> None:
    from django.db import connection  # noqa: PLC0415 (after the setup)

    with connection.cursor() as cursor:
        cursor.execute(statement, {"last": last})
        if cursor.description:
            cursor.fetchall()


def wal_bytes() -> int:
    from django.db import connection  # noqa: PLC0415 (after the setup)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def print_costs(costs: dict[str, list[dict[str, Cost]]]) -> None:
    table = Table("way", title=f"{EVENTS:,} events of 600 characters, batches of {BATCH}; each cost is of one event")
    for step in ("insert", "give", "read"):
        table.add_column(f"{step}, us", justify="right")
        table.add_column("WAL bytes", justify="right") if step != "read" else None
    for name, rounds in costs.items():
        cells = []
        for step in ("insert", "give", "read"):
            cells.append(f"{statistics.median(costs[step].microseconds for costs in rounds):.1f}")
            if step != "read":
                cells.append(f"{statistics.median(costs[step].wal_bytes for costs in rounds):,.0f}")
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
