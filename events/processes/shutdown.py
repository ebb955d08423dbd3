"""End a long-running command gracefully: SIGTERM and SIGINT end a wait at once, and work when it is done."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from events.processes.liveness import show_life


class Interrupted(BaseException):
    """The process was asked to stop while it waited; its outermost loop catches this."""


class Shutdown:
    """Whether the process was asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self._waiting = False

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT; call it in the main thread."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._request)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Mark a wait, in which a request to stop raises Interrupted; it must be safe to abandon the wait."""
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def check(self) -> None:
        """Raise Interrupted if the process was asked to stop; show that it goes on if not."""
        if self.requested:
            raise Interrupted
        show_life()

    def sleep(self, seconds: float) -> None:
        with self.interruptible():
            time.sleep(seconds)

    def _request(self, _signum: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._waiting:
            self.check()
