"""Do what a consumer does besides its events in a thread of its own, so that no event waits for it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

from django.db import close_old_connections, connections

type Work = Callable[[], None]


class Background:
    """Runs one piece of work at a time. It never waits for one, unless it is asked to settle."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._running: Future[None] | None = None
        self._must_end = Event()

    def begin(self, work: Work) -> None:
        """Begin the work, unless the one before still runs; raise what that one has raised since."""
        if self._running and not self._running.done():
            return
        ended, self._running = self._running, None
        if ended:
            ended.result()
        self._running = self._thread.submit(_returning_session, work)

    def pause(self, seconds: float) -> bool:
        """Wait within the work; tell whether it must come to its end, at once."""
        return self._must_end.wait(seconds)

    def settle(self) -> None:
        """Return once nothing runs any more; what the work raises is kept for `begin`."""
        self._must_end.set()
        wait([self._running] if self._running else [])
        self._must_end.clear()

    def forget(self) -> None:
        """Settle, and drop what the work has raised."""
        self.settle()
        self._running = None

    def close(self) -> None:
        self.forget()
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


def _returning_session(work: Work) -> None:
    try:
        work()
    finally:
        close_old_connections()  # Nobody else does this for the thread.
