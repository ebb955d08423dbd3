"""Diagnose the database, the stream and the groups: each check yields findings, and a fault has a remedy.

To add a check, write a function that yields findings, and add it to the tuple at its module's end. A check may ask the
database, or the database and the stream, and changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from django.db import DatabaseError

from events.exceptions import PartitionsMissing, StreamUnavailable
from events.operations.doctor.database import DATABASE_CHECKS
from events.operations.doctor.finding import Finding
from events.operations.doctor.groups import GROUP_CHECKS
from events.operations.doctor.redis import SERVER_CHECKS
from events.stream.interface import Stream


def examine(stream: Stream) -> Iterator[Finding]:
    """Yield the findings of all checks. A silent server is reported only once, however many checks need it."""
    of_stream = [partial(check, stream) for check in (*SERVER_CHECKS, *GROUP_CHECKS)]
    checks: Sequence[Callable[[], Iterator[Finding]]] = [*DATABASE_CHECKS, *of_stream]
    silent: set[str] = set()
    for check in checks:
        try:
            yield from check()
        except PartitionsMissing:
            if "partitions" not in silent:
                yield Finding("partitions", "the database has none yet", "run manage.py migrate")
            silent.add("partitions")
        except DatabaseError as error:
            if "database" not in silent:
                yield Finding("database", f"it does not answer: {error}", "start it, or correct DATABASE_URL")
            silent.add("database")
        except StreamUnavailable as error:
            if "stream" not in silent:
                yield Finding("stream", str(error), _remedy(str(error)))
            silent.add("stream")


def _remedy(error: str) -> str:
    """Return the remedy for an error, which names its cause by Redis's first word or in redis-py's words."""
    if "NOPERM" in error or "no permissions" in error:
        return "allow the user of EVENTS_STREAM_URL the commands, keys and channel that it needs, with ACL SETUSER"
    if any(said in error for said in ("WRONGPASS", "NOAUTH", "invalid username-password", "Authentication required")):
        return "correct user and password in EVENTS_STREAM_URL"
    return "start Redis, or correct EVENTS_STREAM_URL"
