"""Do something now and then within a loop."""

import math
import time


class Timer:
    """Tells when something is due again; the first time it is due at once."""

    def __init__(self) -> None:
        self._last = -math.inf

    def is_due(self, every_seconds: float) -> bool:
        """Tell whether so many seconds have passed since it was due last; from then on they count anew."""
        now = time.monotonic()
        if now - self._last < every_seconds:
            return False
        self._last = now
        return True
