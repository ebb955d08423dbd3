"""Tell where data of a forgotten person stay for a while outside of what the service can reach, and until when."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

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
        _("readers of the feed and of the stream elsewhere"),
        _("they handle the event that tells of it"),
        _("see docs/operations/persons.md"),
    )


def _of_backups() -> Iterator[Leftover]:
    until = _("as long as they are kept (EVENTS_BACKUP_DAYS says it)")
    if days := conf.backup_days:
        expired = timezone.now() + timedelta(days=days)
        until = _("%(day)s, after %(days)s days") % {"day": f"{expired:%Y-%m-%d}", "days": days}
    yield Leftover(
        _("backups and snapshots made before now"), until, _("a restored one is redacted by forget_person --again")
    )


def _of_postgresql() -> Iterator[Leftover]:
    with database.connection().cursor() as cursor:
        cursor.execute("SELECT current_setting('max_wal_size'), current_setting('archive_mode')")
        size, archive = cursor.fetchone()
    yield Leftover(
        _("PostgreSQL: former versions of the rows"),
        _("a vacuum has removed them, and their pages are written again"),
        _("VACUUM FULL rewrites a table at once; it locks the table meanwhile"),
    )
    until = _("its files are used again, after some %(size)s of other changes")
    if archive != "off":
        until = _(
            "its files are used again, after some %(size)s of other changes; WAL is archived, and kept as backups are"
        )
    yield Leftover(
        _("PostgreSQL: write-ahead log"),
        until % {"size": size},
        _("CHECKPOINT, and replicas that have caught up, let it begin"),
    )


def _of_sqlite() -> Iterator[Leftover]:
    yield Leftover(
        _("SQLite: free pages and the -wal file"),
        _("they are written again"),
        _("PRAGMA wal_checkpoint(TRUNCATE) and VACUUM rewrite them"),
    )


def _of_redis(stream: Stream) -> Iterator[Leftover]:
    try:
        said = stream.information()
    except StreamUnavailable:
        yield Leftover(_("Redis: the stream and its files"), _("Redis answers again"), _("run this command again then"))
        return
    if said.get("aof_enabled") not in {"0", "False"}:
        yield Leftover(
            _("Redis: its append-only file"),
            _("it is rewritten, which happens once it has grown enough"),
            _("BGREWRITEAOF; --rewrite-aof does it where the service's user may"),
        )
    yield Leftover(_("Redis: its dump file (RDB)"), _("the next save"), _("BGSAVE; delete older dumps"))
    yield Leftover(_("Redis: replicas' files"), _("as on the primary"), _("the same there"))
