"""The pauses after failures: longer each time, with jitter, and at least as long as the other side asks for."""

import random

from events.exceptions import RetryLater

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15.0
LONGEST_ASKED_PAUSE_SECONDS = 3600.0


class Backoff:
    """The pauses between attempts; a success resets them."""

    def __init__(self) -> None:
        self._longest_seconds = 0.0

    def succeed(self) -> None:
        self._longest_seconds = 0.0

    def fail(self, error: Exception) -> float:
        """Return how many seconds to wait before the next attempt."""
        longest = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self._longest_seconds))
        self._longest_seconds = longest
        pause = random.uniform(longest / 2, longest)  # noqa: S311 (jitter)
        asked = error.retry_after_seconds if isinstance(error, RetryLater) else 0
        return max(pause, min(asked, LONGEST_ASKED_PAUSE_SECONDS))
