"""The one database of the events' tables, EVENTS_DATABASE: all of them are read and written there.

All code of the events gets its connections and transactions here, and its models are pinned by
`events/models/pinned.py`, so the project's routers are not asked.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import receiver

from events.conf import conf


@cache
def alias() -> str:
    """Return the alias in DATABASES; cached, since each event asks for it several times."""
    return conf.database


@receiver(setting_changed)
def _forget_alias(*, setting: str, **_: Any) -> None:
    """Use another database after a test has changed the settings."""
    if setting == "EVENTS_DATABASE":
        alias.cache_clear()


def connection() -> BaseDatabaseWrapper:
    """Return this thread's connection."""
    return connections[alias()]


@contextmanager
def atomic() -> Iterator[None]:
    """Open a transaction or a savepoint; as a decorator, `@atomic()`, it does so at each call."""
    with transaction.atomic(using=alias()):
        yield


def on_commit(action: Callable[[], object]) -> None:
    """Call the action after the commit; its failure is logged, since the change is saved."""
    transaction.on_commit(action, using=alias(), robust=True)


def rolled_back_on_error() -> AbstractContextManager[None]:
    """Mark the transaction to be rolled back if the block fails, even if the caller catches the exception."""
    return transaction.mark_for_rollback_on_error(using=alias())


def transactions_elsewhere() -> list[str]:
    """Return the aliases of other databases in which this thread has a transaction open."""
    others = [found for found in connections.all(initialized_only=True) if found.alias != alias()]
    return [found.alias for found in others if found.in_atomic_block]


def migrate_command() -> str:
    """Return the command that creates the tables."""
    option = "" if alias() == DEFAULT_DB_ALIAS else f" --database {alias()}"
    return f"manage.py migrate{option}"
