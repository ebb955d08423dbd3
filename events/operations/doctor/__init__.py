"""Diagnose the database, the stream and the groups: each check yields findings, and a fault has a remedy.

To add a check, write a function that yields findings, and add it to the tuple at its module's end. A check changes
nothing. Causes are looked for first: after a fault that blocks a server, the checks that need this server are left out,
because what they would find follows from that fault.
"""

import time
from collections.abc import Callable, Iterator, Set
from functools import partial
from typing import NamedTuple

from django.db import DatabaseError

from events.conf import conf
from events.exceptions import StreamUnavailable
from events.operations.doctor.database import DATABASE_CHECKS
from events.operations.doctor.finding import NO_ANSWER, Finding
from events.operations.doctor.groups import GROUP_CHECKS, check_lag, check_target
from events.operations.doctor.redis import SERVER_CHECKS, STREAM_CHECKS
from events.operations.doctor.remedies import HANGS, remedy_of_database, remedy_of_stream
from events.processes.database_errors import describe
from events.processes.patience import wait_for
from events.stream.interface import Stream

PATIENCE_SECONDS = 8.0
"""How long servers that hang may keep the others waiting, all together."""
CHECK_PATIENCE_SECONDS = 3.0
"""How long a check may take until its next finding."""
DATABASE, STREAM = "database", "stream"


class _Check(NamedTuple):
    ask: Callable[[], Iterator[Finding]]
    needs: frozenset[str]
    """The servers that it asks."""


def examine(stream: Stream) -> Iterator[Finding]:
    """Yield the findings of all checks, 8 s later at most if servers hang. A silent server is reported only once."""
    patience = PATIENCE_SECONDS
    answered: set[str] = set()
    blocked: set[str] = set()
    for check in _checks(stream):
        if blocked.isdisjoint(check.needs):
            began, suspects = time.monotonic(), check.needs - answered or check.needs
            found, now_blocked = _ask(check, suspects, seconds=min(CHECK_PATIENCE_SECONDS, patience))
            yield from found
            if now_blocked:
                patience = max(0.0, patience - (time.monotonic() - began))
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
    findings: list[Finding] = []
    try:
        asked = check.ask()  # What it loads is not waited for.
        while found := wait_for(lambda: next(asked, None), seconds=seconds):
            findings.append(found)
    except TimeoutError:
        hung = " and ".join(sorted(suspects))
        return [*findings, Finding(hung, f"no answer within {seconds:.1f} s", HANGS, NO_ANSWER)], suspects
    except DatabaseError as error:
        return [*findings, Finding(DATABASE, describe(error), *remedy_of_database(error))], {DATABASE}
    except StreamUnavailable as error:
        return [*findings, Finding(STREAM, error.found, *remedy_of_stream(error))], {STREAM}
    return findings, check.needs if any(item.blocks for item in findings) else frozenset()
