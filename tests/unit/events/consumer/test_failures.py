"""A consumer that fails again and again: it pauses, obeys a stop, and keeps nothing from the others."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from events.consumer.consumer import Consumer
from events.exceptions import RetryLater
from events.groups.ownership import PAUSED, Condition, Ownership
from events.models import Lease
from events.operations.control import GroupRequest, ask
from events.processes.limits import Limits
from events.processes.shutdown import Interrupted, Shutdown
from events.stream.interface import Stream
from tests.things import Recorder

pytestmark = pytest.mark.django_db

GROUP = "recorder"
MOST_ATTEMPTS = 50
FIRST_PAUSE_SECONDS = 0.02
LEAST_SECONDS_OF_FOUR = (1 + 2 + 4) * FIRST_PAUSE_SECONDS / 2
"""Four attempts have three pauses between them: each is up to twice as long as the one before, half of it by chance."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.processes.backoff.FIRST_PAUSE_SECONDS", FIRST_PAUSE_SECONDS)


@pytest.fixture(autouse=True)
def _keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.consumer.consumer.connections.close_all", lambda: None)  # The test's transaction.


class Failing(Recorder):
    """Can't be opened; asks the process to stop at an attempt, if told so. A limit of time counts from the last one."""

    def __init__(self, shutdown: Shutdown, *, stop_at: int = 0, limits: Limits | None = None) -> None:
        super().__init__()
        self.shutdown = shutdown
        self.stop_at = stop_at
        self.limits = limits
        self.attempts = 0

    def open(self) -> str:
        self.attempts += 1
        if self.limits:
            self.limits.started_at = time.monotonic()
        self.shutdown.requested = self.attempts == self.stop_at
        if self.attempts == MOST_ATTEMPTS:
            raise Interrupted
        raise RetryLater("it is down")


@pytest.fixture
def replaced() -> Ownership:
    """Return a process that owns the partition, which should belong to another one by now."""
    owner = Ownership(GROUP, "one")
    owner.heartbeat()
    assert owner.acquire(0)
    Ownership(GROUP, "another").heartbeat()
    owner.heartbeat()
    assert owner.epochs.keys() - owner.assigned == {0}
    return owner


def run(subscriber: Failing, stream: Stream, ownership: Ownership, limits: Limits) -> float:
    """Return the seconds that it took."""
    started_at = time.monotonic()
    Consumer(subscriber, stream, ownership, shutdown=subscriber.shutdown, limits=limits).run()
    return time.monotonic() - started_at


def test_it_pauses_and_releases_the_partitions_of_others(replaced: Ownership, stream: Stream) -> None:
    failing = Failing(Shutdown())

    took_seconds = run(failing, stream, replaced, Limits(failures=4))

    assert failing.attempts == 4
    assert took_seconds >= LEAST_SECONDS_OF_FOUR
    assert replaced.epochs == {}
    assert Lease.objects.get().member == ""


def test_it_obeys_a_stop(replaced: Ownership, stream: Stream) -> None:
    failing = Failing(Shutdown(), stop_at=3)

    run(failing, stream, replaced, Limits())

    assert failing.attempts == 3


def test_it_obeys_a_pause(stream: Stream) -> None:
    ownership = Ownership(GROUP, "one")
    ownership.heartbeat()
    ask(GroupRequest.PAUSE, [GROUP])
    ownership.heartbeat()
    limits = Limits(seconds=0.3)
    failing = Failing(Shutdown(), limits=limits)

    run(failing, stream, ownership, limits)

    assert failing.attempts == 1
    assert ownership.condition == Condition(PAUSED)


@pytest.mark.django_db(transaction=True)
def test_it_also_pauses_while_it_can_not_release_a_partition(replaced: Ownership, stream: Stream) -> None:
    def refuse_leases(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "events_lease"'):
            raise OperationalError("the database is down")
        return execute(sql, *rest)

    failing = Failing(Shutdown())

    with connection.execute_wrapper(refuse_leases):
        took_seconds = run(failing, stream, replaced, Limits(failures=4))

    assert failing.attempts == 4
    assert took_seconds >= LEAST_SECONDS_OF_FOUR
    assert Lease.objects.get().member == replaced.member

    replaced.release(0)
    assert Lease.objects.get().member == ""
