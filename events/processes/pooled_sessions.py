"""Return database sessions to their pool before a wait for another server, so that waiting requests need none."""

from django.db import connections


def release_sessions() -> None:
    """Return this thread's sessions to their pools, except within a transaction; the next query takes one again.

    A session that belongs to no pool is kept, since opening another would cost more than it holds up.
    """
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "pool", None) and connection.autocommit and not connection.in_atomic_block:
            connection.close()
