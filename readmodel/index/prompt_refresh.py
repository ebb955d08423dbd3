"""Let searches see what was written at once, unless so much is written that the server's own refreshes are cheaper.

Several processes that write into one index refresh it in turn, as often as one alone would: each refresh also shows
what the others have written.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Condition, Thread
from typing import NamedTuple

from django.utils import timezone

from events.exceptions import RetryLater, TargetLost
from readmodel.measurements import SEARCHABLE_SECONDS

PAUSE_SECONDS = 0.05
"""From the beginning of a refresh to that of the next one, at least, if one process writes all documents."""
FURTHER_PAUSE_SECONDS = 0.2
"""The same for an index that is not fed from the stream: one refresh costs as much, whatever it shows."""
COST = 2
"""The pause is at least so many times the duration of the last refresh, so that a slow server is not kept busy."""
MOST_PER_SECOND = 2_000
"""Where more documents are written, the server's refresh interval is left alone."""
SERVER_INTERVAL_SECONDS = 1.0


class _Written(NamedTuple):
    """The number of documents that were written, and the times of their oldest events, one for each write."""

    number: int
    recorded: list[datetime]


class PromptRefresh:
    """Refreshes one index soon after documents were written, in a thread of its own.

    It only brings forward what the server does each second, so an error ends nothing.
    """

    share = 1.0
    """The part of the index's documents that this process writes, above 0; other processes refresh for the rest."""

    def __init__(
        self, refresh: Callable[[], bool], projection: str = "", *, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """`refresh` tells whether it was done; the projection's name is that of its figures."""
        self._refresh = refresh
        self._pause_seconds = pause_seconds
        self._projection = projection
        self._changed = Condition()
        self._written = 0
        self._recorded: list[datetime] = []
        self._is_closed = False
        self._thread = Thread(target=self._run, name="prompt refresh", daemon=True)
        self._thread.start()

    def wrote(self, number: int, *, recorded: datetime | None = None) -> None:
        """Note that so many documents were written, the oldest of an event of that time. This never waits."""
        with self._changed:
            self._written += number
            self._recorded += [recorded] if recorded else []
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        began, pause = -math.inf, 0.0
        while written := self._wait(until=began + pause):
            number, recorded = written
            before, began = began, time.monotonic()
            share = self.share
            if is_very_much(number, seconds=began - before, share=share):
                pause = SERVER_INTERVAL_SECONDS
                self._note_searchable(recorded, in_seconds=SERVER_INTERVAL_SECONDS)
            else:
                # The server refreshes within a second anyway, and who writes notices that it does not answer.
                with suppress(RetryLater, TargetLost):
                    self._note_searchable(recorded, in_seconds=0 if self._refresh() else SERVER_INTERVAL_SECONDS)
                pause = max(self._pause_seconds, COST * (time.monotonic() - began)) / share

    def _note_searchable(self, recorded: list[datetime], *, in_seconds: float) -> None:
        for moment in recorded:
            SEARCHABLE_SECONDS.note((timezone.now() - moment).total_seconds() + in_seconds, self._projection)

    def _wait(self, *, until: float) -> _Written | None:
        """Return what was written, once there is something and the time has come; None to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._written or self._is_closed)
            self._changed.wait_for(lambda: self._is_closed, max(0.0, until - time.monotonic()))
            written, self._written, self._recorded = _Written(self._written, self._recorded), 0, []
            return None if self._is_closed else written


def is_very_much(number: int, *, seconds: float, share: float) -> bool:
    """Tell whether the server's own refreshes are cheaper, if a process with this share wrote so many documents."""
    return number > MOST_PER_SECOND * share * seconds
