"""Describe errors of the database to operators, the cause first."""

from django.db import Error, InterfaceError, OperationalError

READ_ONLY = {
    "25006",  # read-only transaction
    "SQLITE_READONLY",
}


def describe(error: Error) -> str:
    """Return a sentence that tells a read-only database and a refused statement from a server that does not answer."""
    cause = error.__cause__
    codes = {getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)}
    if READ_ONLY & codes:
        return f"the database is read-only: {error}"
    if isinstance(error, OperationalError | InterfaceError):
        return f"the database does not answer: {error}"
    return f"the database refuses a statement: {error}"
