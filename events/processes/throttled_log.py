"""Log a trouble that lasts: at once, and again at intervals, in place of twice a second."""

import time
from logging import Logger

REPEATED_AFTER_SECONDS = 60.0


class ThrottledLog:
    """What a loop meets again and again; another trouble is said at once, and so is that it is over."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}

    def error(self, message: str) -> None:
        now = time.monotonic()
        if now - self._said.get(message, -REPEATED_AFTER_SECONDS) >= REPEATED_AFTER_SECONDS:
            self._said[message] = now
            self._logger.error("%s", message)

    def recovered(self) -> None:
        if self._said:
            self._said.clear()
            self._logger.info("all is well again")
