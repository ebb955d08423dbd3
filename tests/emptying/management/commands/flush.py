"""Empty the database after a test as Django's `flush` does, but leave what that would make anew: it takes longest."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.core.management.commands import flush
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected

from events.log.partitions import create_partitions
from tests.waiting import wait_until

MADE_BY_MIGRATE = {Permission._meta.db_table, ContentType._meta.db_table}


class Command(flush.Command):
    def handle(self, *, database: str, **_: Any) -> None:
        connection = connections[database]
        tables = {*connection.introspection.django_table_names(), settings.CACHES["default"]["LOCATION"]}
        tables -= MADE_BY_MIGRATE
        if filled := _filled(connection, tables):
            statements = connection.ops.sql_flush(no_style(), filled, allow_cascade=connection.vendor == "postgresql")
            wait_until(lambda: _emptied(connection, statements))
        create_partitions(using=database)


def _emptied(connection: Any, statements: Sequence[str]) -> bool:
    """Empty the tables, unless a request is in the way: that of a client that has gone goes on to its end."""
    try:
        connection.ops.execute_sql_flush(statements)
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        return False
    return True


def _filled(connection: Any, tables: set[str]) -> list[str]:
    look = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in sorted(tables))  # noqa: S608 (names of Django's)
    with connection.cursor() as cursor:
        cursor.execute(look)
        return [table for (table,) in cursor.fetchall()]
