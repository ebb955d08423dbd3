"""Do work in a thread that may hang, and wait for it only so long."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from django.db import connections

type Outcome[T] = Future[T]


def started[T](work: Callable[[], T], *, name: str) -> Outcome[T]:
    """Run the work in a daemon thread, which does not keep its process from ending; return its outcome to come."""
    outcome: Outcome[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised where the outcome is asked for)
            outcome.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return outcome


def wait_for[T](work: Callable[[], T], *, seconds: float) -> T:
    """Return the work's result, or raise what it raises; raise TimeoutError if it has not ended by then.

    The work uses the caller's database connections. After a TimeoutError it may still use them.
    """
    ours = {alias: connections[alias] for alias in connections}
    for connection in ours.values():
        connection.inc_thread_sharing()

    def with_our_connections() -> T:
        for alias, connection in ours.items():
            connections[alias] = connection
        return work()

    return started(with_our_connections, name="patience").result(timeout=seconds)
