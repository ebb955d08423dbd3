"""Empty the database after a test as Django's `flush` does, but leave what that would make anew: it takes longest."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.core.management.commands import flush
from django.db import connections

from events.log.partitions import create_partitions

MADE_BY_MIGRATE = {Permission._meta.db_table, ContentType._meta.db_table}


class Command(flush.Command):
    def handle(self, *, database: str, **_: Any) -> None:
        connection = connections[database]
        tables = {*connection.introspection.django_table_names(), settings.CACHES["default"]["LOCATION"]}
        tables -= MADE_BY_MIGRATE
        if filled := _filled(connection, tables):
            statements = connection.ops.sql_flush(no_style(), filled, allow_cascade=connection.vendor == "postgresql")
            connection.ops.execute_sql_flush(statements)
        create_partitions(using=database)


def _filled(connection: Any, tables: set[str]) -> list[str]:
    look = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in sorted(tables))  # noqa: S608 (names of Django's)
    with connection.cursor() as cursor:
        cursor.execute(look)
        return [table for (table,) in cursor.fetchall()]
