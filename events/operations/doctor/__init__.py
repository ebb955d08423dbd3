"""Diagnose the database, the stream and the groups: each check yields findings, and a fault has a remedy.

To add a check, write a function that yields findings, and add it to the tuple at its module's end. A check changes
nothing. Causes are looked for first: after a fault that blocks a server, the checks that need this server are left out,
because what they would find follows from that fault.
"""

import time
from collections.abc import Callable, Iterator, Set
from functools import partial
from typing import NamedTuple

from django.db import DatabaseError, OperationalError

from events.conf import conf, named
from events.exceptions import StreamUnavailable
from events.operations.doctor.database import DATABASE_CHECKS
from events.operations.doctor.finding import NO_ANSWER, Finding
from events.operations.doctor.groups import GROUP_CHECKS, check_lag, check_target
from events.operations.doctor.redis import SERVER_CHECKS, STREAM_CHECKS
from events.processes.database_errors import describe
from events.processes.patience import wait_for
from events.stream.interface import Stream

PATIENCE_SECONDS = 8.0
"""How long all checks together may take."""
CHECK_PATIENCE_SECONDS = 3.0
DATABASE, STREAM = "database", "stream"
HANGS = "see whether it hangs; restart it if so"


class _Check(NamedTuple):
    ask: Callable[[], Iterator[Finding]]
    needs: frozenset[str]
    """The servers that it asks."""


def examine(stream: Stream) -> Iterator[Finding]:
    """Yield the findings of all checks, within 8 s also if a server hangs. A silent server is reported only once."""
    until = time.monotonic() + PATIENCE_SECONDS
    answered: set[str] = set()
    blocked: set[str] = set()
    for check in _checks(stream):
        if blocked.isdisjoint(check.needs):
            suspects = check.needs - answered or check.needs
            seconds = min(CHECK_PATIENCE_SECONDS, max(0.0, until - time.monotonic()))
            found, now_blocked = _ask(check, suspects, seconds=seconds)
            yield from found
            blocked |= now_blocked
            answered |= check.needs - blocked


def _checks(stream: Stream) -> Iterator[_Check]:
    for of_database in DATABASE_CHECKS:
        yield _Check(of_database, frozenset({DATABASE}))
    for of_server in SERVER_CHECKS:
        yield _Check(partial(of_server, stream), frozenset({STREAM}))
    for of_stream in STREAM_CHECKS:
        yield _Check(partial(of_stream, stream), frozenset({DATABASE, STREAM}))
    for of_group in GROUP_CHECKS:
        yield _Check(of_group, frozenset({DATABASE}))
    for group in sorted(conf.subscribers):
        yield _Check(partial(check_target, group), frozenset({DATABASE, f"target of {group}"}))
    yield _Check(partial(check_lag, stream), frozenset({DATABASE, STREAM}))


def _ask(check: _Check, suspects: Set[str], *, seconds: float) -> tuple[list[Finding], Set[str]]:
    """Return the findings, and the servers that are blocked: the suspects if the check does not end."""
    try:
        asked = check.ask()  # What it loads is not waited for.
        findings = wait_for(lambda: list(asked), seconds=seconds)
    except TimeoutError:
        hung = " and ".join(sorted(suspects))
        return [Finding(hung, f"no answer within {seconds:.1f} s", HANGS, NO_ANSWER)], suspects
    except DatabaseError as error:
        return [Finding(DATABASE, describe(error), *_remedy_of_database(error))], {DATABASE}
    except StreamUnavailable as error:
        return [Finding(STREAM, str(error), *_remedy_of_stream(str(error)))], {STREAM}
    return findings, check.needs if any(item.blocks for item in findings) else frozenset()


def _remedy_of_database(error: DatabaseError) -> tuple[str, str]:
    """Return the remedy for an error, and the page of the runbook."""
    if isinstance(error, OperationalError):
        return f"start it, or correct {named('DATABASES')}", NO_ANSWER
    return "run manage.py migrate, or allow the database's user what the error names", "migrations-are-missing"


def _remedy_of_stream(error: str) -> tuple[str, str]:
    """Return the remedy and its page; the error names its cause by Redis's first word or in redis-py's words."""
    url = named("EVENTS_STREAM_URL")
    if "NOPERM" in error or "no permissions" in error:
        remedy = f"allow the user of {url} the commands, keys and channel that it needs, with ACL SETUSER"
        return remedy, "redis-refuses-commands"
    if any(said in error for said in ("WRONGPASS", "NOAUTH", "invalid username-password", "Authentication required")):
        return f"correct user and password in {url}, or make that user in Redis again", "redis-refuses-commands"
    if "Timeout reading" in error:
        return HANGS, NO_ANSWER
    return f"start Redis, or correct {url}", NO_ANSWER
