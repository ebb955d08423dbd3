"""Tell where data of a forgotten person stay for a while outside of what the service can reach, and until when."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from django.utils import timezone

from events import database
from events.aggregates import load_aggregates
from events.conf import conf
from events.exceptions import StreamUnavailable
from events.personal_data import Leftover
from events.stream.interface import Stream
from events.subscriber import load_subscriber


def leftovers(stream: Stream) -> Iterator[Leftover]:
    yield from _of_backups()
    yield from _of_postgresql() if database.connection().vendor == "postgresql" else _of_sqlite()
    yield from _of_redis(stream)
    for aggregate in load_aggregates().values():
        yield from aggregate.leftovers()
    for group in sorted(conf.subscribers):
        with closing(load_subscriber(group)) as subscriber:
            yield from subscriber.leftovers()
    yield Leftover(
        "readers of the feed and of the stream elsewhere",
        "they handle the event that tells of it",
        "see docs/how-to.md, Forget a person",
    )


def _of_backups() -> Iterator[Leftover]:
    days = conf.backup_days
    expired = timezone.now() + timedelta(days=days)
    until = (
        f"{expired:%Y-%m-%d}, after {days} days" if days else "as long as they are kept (EVENTS_BACKUP_DAYS says it)"
    )
    yield Leftover(
        "backups and snapshots made before now", until, "a restored one is redacted by forget_person --again"
    )


def _of_postgresql() -> Iterator[Leftover]:
    with database.connection().cursor() as cursor:
        cursor.execute("SELECT current_setting('max_wal_size'), current_setting('archive_mode')")
        size, archive = cursor.fetchone()
    yield Leftover(
        "PostgreSQL: former versions of the rows",
        "a vacuum has removed them, and their pages are written again",
        "VACUUM FULL rewrites a table at once; it locks the table meanwhile",
    )
    archived = "; WAL is archived, and kept as backups are" if archive != "off" else ""
    yield Leftover(
        "PostgreSQL: write-ahead log",
        f"its files are used again, after some {size} of other changes{archived}",
        "CHECKPOINT, and replicas that have caught up, let it begin",
    )


def _of_sqlite() -> Iterator[Leftover]:
    yield Leftover(
        "SQLite: free pages and the -wal file",
        "they are written again",
        "PRAGMA wal_checkpoint(TRUNCATE) and VACUUM rewrite them",
    )


def _of_redis(stream: Stream) -> Iterator[Leftover]:
    try:
        said = stream.information()
    except StreamUnavailable:
        yield Leftover("Redis: the stream and its files", "Redis answers again", "run this command again then")
        return
    if said.get("aof_enabled") not in {"0", "False"}:
        yield Leftover(
            "Redis: its append-only file",
            "it is rewritten, which happens once it has grown enough",
            "BGREWRITEAOF; --rewrite-aof does it where the service's user may",
        )
    yield Leftover("Redis: its dump file (RDB)", "the next save", "BGSAVE; delete older dumps")
    yield Leftover("Redis: replicas' files", "as on the primary", "the same there")
