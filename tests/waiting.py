"""Wait for another process or thread."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""The longest time to wait for something that must happen: long enough for a slow machine; only failures take it."""


def wait_until[T](condition: Callable[[], T], *, within_seconds: float = PATIENCE_SECONDS) -> T:
    """Return the condition's value as soon as it is true; fail if it does not become true in time.

    Asking takes a third of a processor at most: the processes that are waited for need it.
    """
    until = time.monotonic() + within_seconds
    while True:
        asked = time.monotonic()
        if answer := condition():
            return answer
        now = time.monotonic()
        assert now < until, f"not within {within_seconds} s: {condition}"
        time.sleep(max(0.02, 2 * (now - asked)))
