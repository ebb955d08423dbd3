"""Choose how many events a step hands to a subscriber, so that no step takes long. No I/O."""

STEP_SECONDS = 1.0
"""How long a step should take at most: between steps the process looks at its assignment, a pause and a stop."""
FIRST_EVENTS = 16
"""The most events of the first step, when the subscriber's speed is not known yet."""
NEAR = 0.15
"""Batches whose sizes differ by a smaller share don't tell what one more event costs."""


class Pace:
    """How many events fit into a step, learned from the batches before.

    Only what an event adds to a batch counts. A subscriber that takes long for each batch, whatever its size, would
    otherwise get smaller and smaller ones, which help nobody.
    """

    def __init__(self, most: int) -> None:
        self.events = min(FIRST_EVENTS, most)
        """How many events the next batch should have."""
        self._most = most
        self._last = (0, 0.0)
        self._seconds_per_batch = 0.0

    def learn(self, events: int, seconds: float) -> None:
        """Learn how long the subscriber took for a batch; the next one has twice as many events at most."""
        per_event = self._seconds_per_event(events, seconds)
        self._seconds_per_batch = seconds - per_event * events
        self._last = (events, seconds)
        wanted = self._most if per_event * self._most <= STEP_SECONDS else int(STEP_SECONDS / per_event)
        if events == self.events and _are_near(wanted, events):
            wanted = events + max(1, events // 4)  # To learn what an event costs.
        self.events = max(1, min(wanted, 2 * self.events, self._most))

    def _seconds_per_event(self, events: int, seconds: float) -> float:
        """Return what one more event costs, by this batch and the one before it."""
        last_events, last_seconds = self._last
        if last_events and not _are_near(events, last_events):
            cost = (seconds - last_seconds) / (events - last_events)
        else:
            cost = (seconds - self._seconds_per_batch) / events
        return min(max(cost, 0.0), seconds / events)


def _are_near(events: int, others: int) -> bool:
    return abs(events - others) < NEAR * max(events, others)
