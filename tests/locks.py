"""Find out what the other sessions of this database do, on PostgreSQL."""

from django.db import connection


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        return cursor.fetchone() is not None


def others_are_idle() -> bool:
    """Tell whether no other session runs a statement, as a killed client's does for a while, or holds a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
        return cursor.fetchone() is None
