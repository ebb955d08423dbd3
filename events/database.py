"""The one database of the events' tables, EVENTS_DATABASE: all of them are read and written there.

Only this module, `events/pinned.py` and the migrations name a connection: the project's routers are not asked.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from events.conf import conf


def alias() -> str:
    """Return the alias in DATABASES."""
    return conf.database


def connection() -> BaseDatabaseWrapper:
    """Return this thread's connection."""
    return connections[conf.database]


@contextmanager
def atomic() -> Iterator[None]:
    """Open a transaction or a savepoint; as a decorator, `@atomic()`, it does so at each call."""
    with transaction.atomic(using=conf.database):
        yield


def on_commit(action: Callable[[], object]) -> None:
    """Call the action after the commit; its failure is logged, since the change is saved."""
    transaction.on_commit(action, using=conf.database, robust=True)


def rolled_back_on_error() -> AbstractContextManager[None]:
    """Mark the transaction to be rolled back if the block fails, even if the caller catches the exception."""
    return transaction.mark_for_rollback_on_error(using=conf.database)


def transactions_elsewhere() -> list[str]:
    """Return the aliases of other databases in which this thread has a transaction open."""
    others = [found for found in connections.all(initialized_only=True) if found.alias != conf.database]
    return [found.alias for found in others if found.in_atomic_block]


def migrate_command() -> str:
    """Return the command that creates the tables."""
    option = "" if conf.database == DEFAULT_DB_ALIAS else f" --database {conf.database}"
    return f"manage.py migrate{option}"
