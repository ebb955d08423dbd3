"""Refresh an index for all threads that wait for it, one refresh at a time."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from events.processes.pooled_sessions import release_sessions


class Refreshes:
    """Shares refreshes. A refresh shows what was written before it began, so late-comers share the next one."""

    def __init__(self, refresh: Callable[[], None]) -> None:
        self._refresh = refresh
        self._one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refresh")
        self._lock = Lock()
        self._upcoming: Future[None] | None = None
        self._last_began_at = -math.inf

    def wait(self, since: float, *, timeout_seconds: float) -> None:
        """Return when searches see what was written before `since`, a time of the monotonic clock.

        Raise TimeoutError, or the error of the refresh.
        """
        with self._lock:
            if self._last_began_at > since:
                return
            if self._upcoming is None:
                self._upcoming = self._one_at_a_time.submit(self._run)
            upcoming = self._upcoming
        release_sessions()
        upcoming.result(timeout_seconds)

    def _run(self) -> None:
        with self._lock:
            self._upcoming = None  # Later callers may need documents that this refresh does not show.
            began_at = time.monotonic()
        self._refresh()
        self._last_began_at = began_at
