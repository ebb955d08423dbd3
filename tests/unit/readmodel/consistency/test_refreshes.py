"""Refreshes are shared by those who wait: no fewer than needed, no more."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event

import pytest

from events.exceptions import RetryLater
from readmodel.consistency.refreshes import Refreshes
from tests.waiting import PATIENCE_SECONDS, wait_until


class Engine:
    """Refreshes when it is told to, and fails when it is told so."""

    def __init__(self) -> None:
        self.begun = 0
        self.orders: SimpleQueue[Exception | None] = SimpleQueue()

    def refresh(self) -> None:
        self.begun += 1
        if error := self.orders.get(timeout=PATIENCE_SECONDS):
            raise error


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def refreshes(engine: Engine) -> Refreshes:
    return Refreshes(engine.refresh)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def wait_in(threads: ThreadPoolExecutor, refreshes: Refreshes) -> Future[None]:
    """Let a thread wait for what is there now; return when it does."""
    began, since = Event(), time.monotonic()

    def wait() -> None:
        began.set()
        refreshes.wait(since, timeout_seconds=PATIENCE_SECONDS)

    waiting = threads.submit(wait)
    began.wait()
    return waiting


def waiting_for(upcoming: Future[None] | None) -> int:
    return len(upcoming._condition._waiters) if upcoming else 0  # type: ignore[attr-defined]


def test_who_comes_while_one_runs_shares_the_next(
    engine: Engine, refreshes: Refreshes, threads: ThreadPoolExecutor
) -> None:
    first = wait_in(threads, refreshes)
    wait_until(lambda: engine.begun == 1)
    others = [wait_in(threads, refreshes) for _ in range(10)]
    wait_until(lambda: waiting_for(refreshes._upcoming) == 10)

    engine.orders.put(None)
    first.result(PATIENCE_SECONDS)
    wait_until(lambda: engine.begun == 2)
    assert not any(waiting.done() for waiting in others)
    engine.orders.put(None)

    for waiting in others:
        waiting.result(PATIENCE_SECONDS)
    assert engine.begun == 2


def test_what_was_there_before_the_last_one_began_needs_none(engine: Engine, refreshes: Refreshes) -> None:
    before = time.monotonic()
    engine.orders.put(None)
    refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)

    refreshes.wait(before, timeout_seconds=0)
    assert engine.begun == 1
    engine.orders.put(None)
    refreshes.wait(time.monotonic(), timeout_seconds=PATIENCE_SECONDS)
    assert engine.begun == 2


def test_one_that_fails_fails_for_all_who_share_it_and_shows_nothing(engine: Engine, refreshes: Refreshes) -> None:
    before = time.monotonic()
    engine.orders.put(RetryLater("down"))
    with pytest.raises(RetryLater, match="down"):
        refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)

    engine.orders.put(None)
    refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)
    assert engine.begun == 2


def test_nobody_waits_longer_than_told(engine: Engine, refreshes: Refreshes) -> None:
    with pytest.raises(TimeoutError):
        refreshes.wait(time.monotonic(), timeout_seconds=0.01)

    engine.orders.put(None)
