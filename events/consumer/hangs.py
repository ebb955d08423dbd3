"""End a process whose handler hangs, so that another one takes over; count the attempt with the event.

In:   calls of handlers, and the progress that they report.
Out:  a counted attempt, the stacks in the log, and an ended process. Nothing of what it had in flight is settled.
Next: events/consumer/delivery.py, in the process that takes over
"""

import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import Error

from events.conf import conf
from events.consumer.calls import Call, calls_in_progress
from events.dead_letters import parking as dead_letters
from events.exceptions import EventError, HandlerHung, LeaseLost
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.processes.progress import Silence, last_progress

logger = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""
END_SECONDS = 10.0
"""How long the end may take if the log or the database hangs too; after that the exit code is 1."""


class HangWatch:
    """Looks each second, from the heartbeat thread, whether the handlers of the group make progress."""

    def __init__(self, ownership: Ownership, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ownership = ownership
        self._clock = clock
        self._silence = Silence()

    def look(self) -> None:
        """Tell the group how long its handler has been silent; end the process if that is too long."""
        calls = calls_in_progress(self._ownership.group)
        silent = self._silence.look(self._clock(), progress_at=last_progress(), works=bool(calls))
        self._ownership.silent_seconds = silent
        if calls and silent >= conf.handler_seconds:
            _end(self._ownership, calls)


def _end(ownership: Ownership, calls: Sequence[Call]) -> None:
    try:
        faulthandler.dump_traceback_later(END_SECONDS, exit=True)
        logger.critical("%s ends: its handler made no progress.\n%s", ownership.group, stacks())
        count_attempts(calls)
        ownership.leave()
    except (EventError, Error) as error:
        logger.critical("%s could not leave its group, whose leases expire instead: %s", ownership.group, error)
    finally:
        os._exit(EXIT_CODE)  # The hung thread would keep the process from ending in another way.


def count_attempts(calls: Sequence[Call]) -> None:
    """Count an attempt with the first event, or letter, of each target in each partition."""
    by_claim: defaultdict[Claim, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.batch[0].position or 0):
        by_claim[call.claim].append(call)
    for claim, hung in by_claim.items():
        with suppress(LeaseLost):  # The next owner finds out by itself.
            _count_for(claim, hung)


def _count_for(claim: Claim, hung: Sequence[Call]) -> None:
    first, last = hung[0], hung[-1]
    if first.letter:
        checkpoint.note_hang(claim, 0)
        dead_letters.fail(claim, first.letter, HandlerHung())
        return
    checkpoint.note_hang(claim, last.batch[-1].position or 0)
    if len(first.batch) == 1:  # Otherwise nobody knows which one; the next owner takes them one at a time.
        checkpoint.count_attempt(claim, first.batch[0].position or 0)


def stacks() -> str:
    """Return where each thread is: files, lines and code, no values."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001 (documented for this purpose)
    return "\n".join(
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in frames.items()
        if ident != threading.get_ident()
    )
