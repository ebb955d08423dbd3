"""Check the settings and the state of the log's database."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone

from events.conf import conf, named
from events.database import atomic, connection, migrate_command
from events.models import Partition, WaitingEntry
from events.operations.doctor.finding import Finding
from events.operations.doctor.forgotten import check_list, check_returned
from events.processes.migrations import missing_migrations

READ_ONLY, SETTINGS = "database-is-read-only", "database-settings"
"""Pages of the runbook."""
OLDEST_POSTGRESQL = 150000
LONG_TRANSACTION_SECONDS = 60
RELAY_PATIENCE_SECONDS = 5
REMEDY_OF_READ_ONLY = "make room if its disk is full, or set default_transaction_read_only to off"
OLDEST_TRANSACTION = """
SELECT pid, extract(epoch FROM clock_timestamp() - xact_start), application_name, state, query_start
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
AND xact_start < clock_timestamp() - make_interval(secs => %s)
ORDER BY xact_start LIMIT 1
"""


def _first_row(statement: str, parameters: Sequence[Any] = ()) -> Any:
    """Return the first row, or None."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()


def check_version() -> Iterator[Finding]:
    """The database answers, and its version is supported."""
    if connection().vendor == "postgresql":
        [version] = _first_row("SHOW server_version")
        is_old = connection().pg_version < OLDEST_POSTGRESQL  # type: ignore[attr-defined]
        yield Finding(
            "database", f"PostgreSQL {version}", "upgrade it to version 15 or later" * is_old, "version-is-too-old"
        )
    else:
        [version] = _first_row("SELECT sqlite_version()")
        yield Finding("database", f"SQLite {version}: for one machine, not for production")


def check_writable() -> Iterator[Finding]:
    """A database is read-only while it is a replica, or because an administrator or a full disk made it so."""
    if connection().vendor == "postgresql":
        [read_only] = _first_row("SHOW transaction_read_only")
        [is_replica] = _first_row("SELECT pg_is_in_recovery()")
        remedy = f"set {named('DATABASES')} to the primary" if is_replica else REMEDY_OF_READ_ONLY
        if read_only == "on":
            yield Finding("database", "it is read-only, so nothing can be written", remedy, READ_ONLY, blocks=True)
    elif _first_row("PRAGMA query_only") != (0,):
        remedy = "remove PRAGMA query_only"
        yield Finding("database", "it is read-only, so nothing can be written", remedy, READ_ONLY, blocks=True)


def check_migrations() -> Iterator[Finding]:
    """The code of a release needs the tables of that release."""
    if missing := missing_migrations():
        found = f"the database lacks {', '.join(missing)}"
        yield Finding("migrations", found, f"run {migrate_command()}", "migrations-are-missing", blocks=True)
    else:
        yield Finding("migrations", "all are applied")


def check_partitions() -> Iterator[Finding]:
    """The setting is the number of the first partitions; after a repartitioning it may be the present one, too."""
    found = list(Partition.objects.all())
    first, count = sum(partition.parent is None for partition in found), len(found)
    if not count:
        remedy = f"run {migrate_command()}"
        yield Finding("partitions", "the database has none yet", remedy, "migrations-are-missing", blocks=True)
    elif not first <= conf.partitions <= count:
        differs = f"EVENTS_PARTITIONS is {conf.partitions}, the database has {count}"
        yield Finding("partitions", differs, remedy_of_partitions(count), "partitions-differ")


def remedy_of_partitions(count: int) -> str:
    """Say what to do if EVENTS_PARTITIONS is not the number of partitions."""
    more = f", or run manage.py repartition_events --to {conf.partitions}"
    return f"set EVENTS_PARTITIONS to {count}" + more * (conf.partitions > count and conf.partitions % count == 0)


def check_isolation() -> Iterator[Finding]:
    """The statement that gives positions must see what was committed since its transaction began."""
    if connection().vendor != "postgresql":
        return
    with atomic():  # Django's isolation level is set when a transaction begins.
        [isolation] = _first_row("SHOW transaction_isolation")
    remedy = "" if isolation == "read committed" else "remove the isolation_level from DATABASES, or the role's default"
    yield Finding("isolation level", isolation, remedy, SETTINGS)


def check_durability() -> Iterator[Finding]:
    """If a crash undid a commit, the stream would be ahead of the log."""
    if connection().vendor != "postgresql":
        return
    [synchronous] = _first_row("SHOW synchronous_commit")
    remedy = "" if synchronous != "off" else "set it to on, or a crash of PostgreSQL makes the stream diverge"
    yield Finding("synchronous_commit", synchronous, remedy, SETTINGS)


def check_oldest_transaction() -> Iterator[Finding]:
    """A long transaction keeps the table of waiting events from being cleaned: giving positions gets slow."""
    if connection().vendor != "postgresql":
        return
    oldest = _first_row(OLDEST_TRANSACTION, [LONG_TRANSACTION_SECONDS])
    if oldest is None:
        yield Finding("oldest transaction", f"younger than {LONG_TRANSACTION_SECONDS} s")
        return
    pid, seconds, application, state, query_start = oldest
    found = (
        f"process {pid} ({application or 'no application_name'}) has had one open for {seconds:,.0f} s, is {state}, "
        f"and began its last query at {query_start:%Y-%m-%d %H:%M:%S%z}; giving positions gets slower meanwhile"
    )
    remedy = f"let it end, or SELECT pg_terminate_backend({pid})"
    yield Finding("oldest transaction", found, remedy, "transaction-is-old")


def check_sqlite_mode() -> Iterator[Finding]:
    """Without WAL, readers and the writer block each other; without IMMEDIATE, a unit of work may fail half-way."""
    if connection().vendor != "sqlite":
        return
    [journal] = _first_row("PRAGMA journal_mode")
    mode = connection().settings_dict["OPTIONS"].get("transaction_mode") or "DEFERRED"
    # A database in memory belongs to one process and can't have a WAL.
    wal = "let DATABASES' init_command say PRAGMA journal_mode=WAL" * (journal not in {"wal", "memory"})
    yield Finding("SQLite's journal", journal, wal, SETTINGS)
    immediate = "set transaction_mode to IMMEDIATE in DATABASES' OPTIONS" * (mode.upper() == "DEFERRED")
    yield Finding("SQLite's transactions", mode, immediate, SETTINGS)


def check_rows_without_position() -> Iterator[Finding]:
    """A running relay gives positions twice a second."""
    before = timezone.now() - timedelta(seconds=RELAY_PATIENCE_SECONDS)
    rows = WaitingEntry.objects.filter(entry__time__lt=before)
    waiting = rows.aggregate(rows=Count("entry_id"), oldest=Min("entry__time"))
    if not waiting["rows"]:
        yield Finding("events without a position", "none waits for a relay")
        return
    seconds = (timezone.now() - waiting["oldest"]).total_seconds()
    found = f"{waiting['rows']:,} wait for a relay, the oldest for {seconds:,.0f} s"
    remedy = "run relay_events; if it runs, its log says why it does not go on"
    yield Finding("events without a position", found, remedy, "events-are-not-flushed")


SERVING_CHECKS = (check_writable, check_migrations, check_returned)
"""The checks of what a process needs to serve requests."""
DATABASE_CHECKS = (
    check_version,
    *SERVING_CHECKS,
    check_partitions,
    check_isolation,
    check_durability,
    check_oldest_transaction,
    check_sqlite_mode,
    check_rows_without_position,
    check_list,
)
