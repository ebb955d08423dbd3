"""Show that a process goes on, by the time of a file, at which the health check of a container looks.

The main loop and handlers that make progress touch the file, at most once a second. Without EVENTS_LIVENESS_FILE there
is none.
"""

import time
from pathlib import Path

from events.conf import conf

TOUCHED_AFTER_SECONDS = 1.0

_touched_at = float("-inf")


def show_life() -> None:
    """Touch the file if that is due, from any thread; raise OSError if it can't be written."""
    global _touched_at  # noqa: PLW0603 (one assignment, which needs no lock)
    now = time.monotonic()
    if conf.liveness_file and now - _touched_at >= TOUCHED_AFTER_SECONDS:
        Path(conf.liveness_file).touch()
        _touched_at = now
