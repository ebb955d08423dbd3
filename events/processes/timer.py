"""Do something now and then within a loop."""

import math
import time


class Timer:
    """Tells when something is due again; the first time it is due at once."""

    def __init__(self) -> None:
        self._last = -math.inf

    def is_due(self, every_seconds: float) -> bool:
        """Tell whether so many seconds have passed since it was due last; from then on they count anew."""
        if self.seconds_left(every_seconds):
            return False
        self._last = time.monotonic()
        return True

    def seconds_left(self, every_seconds: float) -> float:
        """Return how long it takes until this is due, 0 if it is."""
        return max(0.0, self._last + every_seconds - time.monotonic())
