"""When the work of this process last made progress: a handler without any for long is taken for hung."""

import time

from events.processes.liveness import show_life

LONGEST_LOOK_SECONDS = 3.0
"""The most that the time between two looks counts."""

_reported_at = time.monotonic()


def progress() -> None:
    """Report that the work goes on, from any thread; a subscriber calls it within a batch that may take long."""
    global _reported_at  # noqa: PLW0603 (one assignment, which needs no lock)
    _reported_at = time.monotonic()
    show_life()


def last_progress() -> float:
    return _reported_at


class Silence:
    """How long a process has worked without progress, by looks at it every second or so; without I/O.

    A longer time between two looks counts as a short one: the process was stopped, and could not make progress.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._looked_at = 0.0
        self._progress_at = 0.0

    def look(self, now: float, *, progress_at: float, works: bool) -> float:
        """Return for how many seconds it has worked without progress."""
        is_silent = works and progress_at == self._progress_at
        self.seconds = self.seconds + min(now - self._looked_at, LONGEST_LOOK_SECONDS) if is_silent else 0.0
        self._looked_at, self._progress_at = now, progress_at
        return self.seconds
