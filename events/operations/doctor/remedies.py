"""Say what to do about an error of the database or the stream."""

from django.db import DatabaseError, OperationalError

from events.conf import named
from events.exceptions import StreamUnavailable
from events.operations.doctor.finding import NO_ANSWER

HANGS = "see whether it hangs; restart it if so"
REFUSED = "redis-refuses-commands"
"""A page of the runbook."""
OF_ACCOUNTS = ("WRONGPASS", "NOAUTH", "invalid username-password", "Authentication required")


def remedy_of_database(error: DatabaseError) -> tuple[str, str]:
    """Return the remedy for an error, and the page of the runbook."""
    if isinstance(error, OperationalError):
        return f"start it, or correct {named('DATABASES')}", NO_ANSWER
    return "run manage.py migrate, or allow the database's user what the error names", "migrations-are-missing"


def remedy_of_stream(error: StreamUnavailable) -> tuple[str, str]:
    """Return the remedy and its page; the error names its cause by Redis's first word or in redis-py's words."""
    url, said = named("EVENTS_STREAM_URL"), error.found
    if error.remedy:
        return error.remedy, NO_ANSWER
    if "NOPERM" in said or "no permissions" in said:
        remedy = f"allow the user of {url} the commands, keys and channel that it needs, with ACL SETUSER"
        return remedy, REFUSED
    if any(word in said for word in OF_ACCOUNTS):
        return f"correct user and password in {url}, or make that user in Redis again", REFUSED
    if "Timeout reading" in said:
        return HANGS, NO_ANSWER
    return f"start Redis, or correct {url}", NO_ANSWER
