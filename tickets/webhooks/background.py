"""One event loop in a thread, in which all receivers wait: a hundred of them need no hundred threads."""

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Thread
from typing import Any

RESOLVERS = 32
"""The most threads that resolve names; each receiver has at most one look-up at a time."""
FINISH_SECONDS = 2.0
MOST_FINISHING = 1000


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Read the certificates that connections trust, once in a process: it takes as long as some hundred requests."""
    from httpx import create_ssl_context  # noqa: PLC0415 (the HTTP client itself loads slowly)

    return create_ssl_context()


class Background:
    """The loop and its thread, which `submit` starts."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._finishing: deque[Future[None]] = deque(maxlen=MOST_FINISHING)

    def submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Begin the work without waiting; callable from any thread."""
        loop = self._loop or self._start()
        running = _Running(loop, work)
        loop.call_soon_threadsafe(running.begin)
        return running

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin the work, for which `close` waits."""
        self._finishing.append(self.submit(work))

    def close(self) -> None:
        """Stop the loop; what it still does is cancelled."""
        if self._loop and self._thread:
            wait(self._finishing, timeout=FINISH_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolver"))
        self._thread = Thread(target=_run, args=(self._loop,), name="webhooks", daemon=True)
        self._thread.start()
        return self._loop


class _Running(Future[None]):
    """Work on the loop. It can be cancelled while it runs, but has not ended before the loop says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._loop = loop
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._end)

    def cancel(self) -> bool:
        """Ask the work to end soon; False, since it still runs."""
        if not self.done():
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())
        return False

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self.set_exception(CancelledError())
        elif error := task.exception():
            self.set_exception(error)
        else:
            self.set_result(None)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel_all())
        loop.run_until_complete(loop.shutdown_asyncgens())  # Bodies of which only the beginning was read.
    finally:
        loop.close()


async def _cancel_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.sleep(0)  # Closed connections end in the next turn of the loop.
