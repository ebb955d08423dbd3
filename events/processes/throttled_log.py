"""Log an error that a loop meets again and again: at once, and then once a minute."""

import time
from logging import Logger

REPEATED_AFTER_SECONDS = 60.0


class ThrottledLog:
    """Logs each different error at once and its repetitions once a minute; logs the recovery, too."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._logged_at: dict[str, float] = {}

    def error(self, message: str) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(message, -REPEATED_AFTER_SECONDS) >= REPEATED_AFTER_SECONDS:
            self._logged_at[message] = now
            self._logger.error("%s", message)

    def recovered(self) -> None:
        if self._logged_at:
            self._logged_at.clear()
            self._logger.info("recovered")
