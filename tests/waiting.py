"""Wait for what another process or thread will do."""

import time
from collections.abc import Callable


def wait_until[T](condition: Callable[[], T], *, within_seconds: float = 5) -> T:
    """Return what the condition answers as soon as that is true; fail if it never is."""
    until = time.monotonic() + within_seconds
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {within_seconds} s: {condition}"
        time.sleep(0.02)
    return answer
