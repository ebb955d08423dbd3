"""Migrate an empty SQLite in memory by a copy of one that an earlier run has migrated, if no code has changed since.

As with Python's bytecode, a file has changed if its size or its time has.
"""

import os
import sqlite3
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.db import connections

from events.conf import conf

KEPT = Path(__file__).parents[4] / ".pytest_cache" / "migrated"


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if options["app_label"] or not _is_in_memory(connection) or connection.introspection.table_names():
            super().handle(*args, **options)
            return
        file = KEPT / f"{_fingerprint()}.sqlite3"
        if file.exists():
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as kept:
                kept.backup(connection.connection)
        else:
            super().handle(*args, **options)
            _keep(connection.connection, file)


def _is_in_memory(connection: Any) -> bool:
    return connection.vendor == "sqlite" and connection.is_in_memory_db()


def _fingerprint() -> str:
    """Hash what the tables, and the rows in them, depend on: the code of all apps, and the number of partitions."""
    seen = sha256(f"{sys.version} {sqlite3.sqlite_version} {conf.partitions}".encode())
    for app in apps.get_app_configs():
        for path in sorted(Path(app.path).rglob("*.py")):
            found = path.stat()
            seen.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _keep(migrated: sqlite3.Connection, file: Path) -> None:
    """Keep a copy for the next run, in place of those of other code; two processes may do so at once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in set(KEPT.glob("*.sqlite3")) - {file}:  # Another process may have made this one, and a third copy it now.
        old.unlink(missing_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(part)) as kept:
        migrated.backup(kept)
    part.replace(file)
