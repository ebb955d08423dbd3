"""Threads that wait for an index share its refreshes: there are as many as needed, and no more."""

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
    """Refreshes when it is ordered to, and fails if the order is an exception."""

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
    """Let a thread wait for the documents written so far; return when it waits."""
    began, since = Event(), time.monotonic()

    def wait() -> None:
        began.set()
        refreshes.wait(since, timeout_seconds=PATIENCE_SECONDS)

    waiting = threads.submit(wait)
    began.wait()
    return waiting


def waiting_for(upcoming: Future[None] | None) -> int:
    return len(upcoming._condition._waiters) if upcoming else 0  # type: ignore[attr-defined]


def test_callers_during_a_refresh_share_the_next_one(
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


def test_documents_written_before_the_last_refresh_need_no_other(engine: Engine, refreshes: Refreshes) -> None:
    before = time.monotonic()
    engine.orders.put(None)
    refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)

    refreshes.wait(before, timeout_seconds=0)
    assert engine.begun == 1
    engine.orders.put(None)
    refreshes.wait(time.monotonic(), timeout_seconds=PATIENCE_SECONDS)
    assert engine.begun == 2


def test_a_failed_refresh_fails_for_all_its_callers_and_does_not_count(engine: Engine, refreshes: Refreshes) -> None:
    before = time.monotonic()
    engine.orders.put(RetryLater("down"))
    with pytest.raises(RetryLater, match="down"):
        refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)

    engine.orders.put(None)
    refreshes.wait(before, timeout_seconds=PATIENCE_SECONDS)
    assert engine.begun == 2


def test_a_wait_ends_at_its_timeout(engine: Engine, refreshes: Refreshes) -> None:
    with pytest.raises(TimeoutError):
        refreshes.wait(time.monotonic(), timeout_seconds=0.01)

    engine.orders.put(None)
