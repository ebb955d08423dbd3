"""Wait for what another process or thread will do."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""How long to wait for what must come: only a failure costs it, and no machine is too slow for it."""


def wait_until[T](condition: Callable[[], T], *, within_seconds: float = PATIENCE_SECONDS) -> T:
    """Return what the condition answers as soon as that is true; fail if it never is."""
    until = time.monotonic() + within_seconds
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {within_seconds} s: {condition}"
        time.sleep(0.02)
    return answer
