"""The limits of a long-running process: how much it does at once, and when it ends, so that a fresh one replaces it."""

import random
import sys
import time
from logging import Logger

import msgspec
import psutil

from events.conf import conf
from events.processes.shutdown import Interrupted

MEGABYTE = 1_000_000
SPREAD = 0.1
"""The share of its time by which a process may end earlier."""


class Limits(msgspec.Struct, kw_only=True):
    """Upper bounds of what one process does, and what it has done; None is no bound."""

    batch_size: int = msgspec.field(default_factory=lambda: conf.batch_size)
    """The most events that the subscriber gets at once."""
    block_seconds: float = msgspec.field(default_factory=lambda: conf.block_seconds)
    """How long to wait for the stream before comparing the checkpoints with the log."""

    events: int | None = None
    seconds: float | None = None
    megabytes: float | None = None
    """Resident memory."""
    failures: int | None = None

    handled: int = 0
    failed: int = 0
    started_at: float = msgspec.field(default_factory=time.monotonic)

    @property
    def events_left(self) -> int:
        return sys.maxsize if self.events is None else max(0, self.events - self.handled)

    @property
    def has_failed_too_often(self) -> bool:
        return self.failures is not None and self.failed >= self.failures

    def without_end(self) -> "Limits":
        """Return the same bounds of what is done at once, but none that ends the process."""
        return Limits(batch_size=self.batch_size, block_seconds=self.block_seconds)

    def reached(self) -> str:
        """Return which bound is reached, "" if none is."""
        if self.events_left <= 0:
            return f"{self.handled:,} events are handled"
        if self.seconds is not None and time.monotonic() - self.started_at >= self.seconds:
            return f"{self.seconds:g} s are over"
        if self.megabytes is not None and (used := psutil.Process().memory_info().rss / MEGABYTE) >= self.megabytes:
            return f"it uses {used:,.0f} MB of memory"
        if self.has_failed_too_often:
            return f"it failed {self.failed} times"
        return ""

    def check(self, logger: Logger) -> None:
        """Raise Interrupted if a bound is reached, and log which one."""
        if reached := self.reached():
            logger.info("%s", reached)
            raise Interrupted


def spread(seconds: float) -> float:
    """Return a random time of 90 to 100 % of this one: processes that start together must not all end together."""
    return random.uniform((1 - SPREAD) * seconds, seconds)  # noqa: S311 (jitter)
