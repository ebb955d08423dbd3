"""Tell whether the database has the tables of this release."""

from functools import cache

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from events.database import connection, migrate_command
from events.exceptions import Unmigrated
from events.forgotten import expect_nobody_returned

type Name = tuple[str, str]


@cache
def _newest() -> dict[Name, list[Name]]:
    """Return the newest migration of each app, which needs all others of it, with those that it replaces."""
    graph = MigrationLoader(None).graph
    return {name: graph.nodes[name].replaces for name in graph.leaf_nodes()}


def missing_migrations(app: str = "") -> list[str]:
    """Return the newest migrations of the app, or of all apps, that the database lacks; one query."""
    applied = MigrationRecorder(connection()).applied_migrations().keys()
    newest = _newest().items()
    missing = [name for name, replaces in newest if name not in applied and not (replaces and applied >= {*replaces})]
    return sorted(f"{label}.{name}" for label, name in missing if app in {"", label})


class Tables:
    """The tables of the events in one process's database, asked about until they are complete."""

    def __init__(self) -> None:
        self._are_complete = False

    def doubt(self) -> None:
        """Ask again: a statement failed on a table."""
        self._are_complete = False

    def expect(self) -> None:
        """Raise Unmigrated while the database lacks a migration of the events, and what expect_nobody_returned does."""
        if not self._are_complete:
            expect_migrated("events")
            expect_nobody_returned()
            self._are_complete = True


def expect_migrated(app: str = "") -> None:
    """Raise Unmigrated if the database lacks a migration of the app, or of any."""
    if missing := missing_migrations(app):
        raise Unmigrated(f"the database lacks {', '.join(missing)}: run {migrate_command()}")
