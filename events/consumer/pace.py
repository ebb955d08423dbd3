"""Choose how many events a step hands to a subscriber, so that no step takes long. No I/O."""

STEP_SECONDS = 1.0
"""How long a step should take at most: between steps the process looks at its assignment, a pause and a stop."""
FIRST_EVENTS = 16
"""The most events of the first step, when the subscriber's speed is not known yet."""


class Pace:
    """A subscriber's speed: it believes a slower batch at once, and a faster one by halves."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seconds_per_event: float | None = None

    @property
    def events(self) -> int:
        """How many events fit into a step: one at least, and a full batch for a fast subscriber."""
        if self._seconds_per_event is None:
            return min(FIRST_EVENTS, self._most)
        if self._seconds_per_event * self._most <= STEP_SECONDS:
            return self._most
        return max(1, int(STEP_SECONDS / self._seconds_per_event))

    def learn(self, events: int, seconds: float) -> None:
        """Learn how long the subscriber took for so many events."""
        latest = seconds / events
        before = latest if self._seconds_per_event is None else self._seconds_per_event
        self._seconds_per_event = max(latest, (before + latest) / 2)
