"""Probe the servers of this process in the background, so that a hung one costs a request only its patience."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock

from django.db import connections

from events import database
from events.processes.patience import started

type Reasons = Mapping[str, str]
"""The name of a part -> why it does not work."""

CONNECT_TIMEOUT_SECONDS = 2
"""The least that libpq knows."""


class Probe:
    """A check of one server. It has one thread at most: while the server hangs, all requests wait for one answer."""

    def __init__(self, name: str, check: Callable[[], Reasons]) -> None:
        self.name = name
        self._check = check
        self._lock = Lock()
        self._running: Future[Reasons] | None = None

    def start(self) -> Future[Reasons]:
        """Start the check unless it runs; return its answer to come."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = started(self._check, name=f"probe of {self.name}")
            return self._running


def ask(probes: Iterable[Probe], *, patience_seconds: float) -> dict[str, str]:
    """Ask all servers at once; return what does not work and why, within the patience."""
    until = time.monotonic() + patience_seconds
    running = [(probe.name, probe.start()) for probe in probes]
    found: dict[str, str] = {}
    for name, answer in running:
        try:
            found |= answer.result(timeout=max(0.0, until - time.monotonic()))
        except TimeoutError:
            found[name] = f"no answer within {patience_seconds:g} s"
    return found


@contextmanager
def session_of_its_own() -> Iterator[None]:
    """Give this thread a session beside the pool, which it neither waits for nor uses up."""
    session = database.connection().copy()
    options = session.settings_dict["OPTIONS"]
    options.pop("pool", None)
    if session.vendor == "postgresql":
        options["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    connections[database.alias()] = session
    try:
        yield
    finally:
        del connections[database.alias()]
        if session.connection is not None:
            session.connection.close()  # Django leaves a database in memory open.
