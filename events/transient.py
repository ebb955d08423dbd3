"""Tell a failure that passes by itself, for which a batch is kept, from one that an event causes.

docs/reference/failures.md has the same table.
"""

import sqlite3

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, OperationalError

from events.exceptions import Transient

TRANSIENT_SQLSTATES = {
    "08": "the connection failed",
    "25006": "the database is read-only, for example a primary that was demoted",
    "40001": "transactions could not be serialized",
    "40P01": "a deadlock",
    "53": "a resource is exhausted: disk, memory, connections",
    "55P03": "a lock was not available in time",
    "57P01": "an administrator ended the session, or the server shuts down",
    "57P02": "the server crashed",
    "57P03": "the server is starting, or does not accept connections",
}
"""The codes of PostgreSQL; two characters are a whole class."""
TRANSIENT_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY: "another connection has locked the database",
    sqlite3.SQLITE_LOCKED: "another statement has locked a table",
}


def is_transient(error: BaseException) -> bool:
    """Tell whether the batch is kept and tried again; any other failure counts as an attempt with the event."""
    if isinstance(error, Transient | ImproperlyConfigured):
        return True
    return isinstance(error, Error) and _is_transient_of_database(error)


def _is_transient_of_database(error: Error) -> bool:
    """Decide by the code that the database gave, which is in the error of its client."""
    cause = error.__cause__
    if sqlstate := getattr(cause, "sqlstate", None):
        return str(sqlstate).startswith(tuple(TRANSIENT_SQLSTATES))
    if sqlite_code := getattr(cause, "sqlite_errorcode", None):
        return int(sqlite_code) & 0xFF in TRANSIENT_SQLITE_CODES  # The lower byte; an extended code has more.
    return isinstance(error, OperationalError)  # Without a code the client has no connection to the server.
