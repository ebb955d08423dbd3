"""A consumer that fails again and again: it pauses, obeys a stop, and keeps nothing from the others."""

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
"""With pauses there are some six in a second."""


@pytest.fixture(autouse=True)
def _keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.consumer.consumer.connections.close_all", lambda: None)  # The test's transaction.


class Failing(Recorder):
    """Can't be opened; asks the process to stop at an attempt, if told so."""

    def __init__(self, shutdown: Shutdown, *, stop_at: int = 0) -> None:
        super().__init__()
        self.shutdown = shutdown
        self.stop_at = stop_at
        self.attempts = 0

    def open(self) -> str:
        self.attempts += 1
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


def run(subscriber: Failing, stream: Stream, ownership: Ownership, limits: Limits) -> None:
    Consumer(subscriber, stream, ownership, shutdown=subscriber.shutdown, limits=limits).run()


def test_it_pauses_and_releases_the_partitions_of_others(replaced: Ownership, stream: Stream) -> None:
    failing = Failing(Shutdown())

    run(failing, stream, replaced, Limits(seconds=1))

    assert 2 < failing.attempts < 10
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
    failing = Failing(Shutdown())

    run(failing, stream, ownership, Limits(seconds=0.5))

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
        run(failing, stream, replaced, Limits(seconds=1))

    assert 2 < failing.attempts < 10
    assert Lease.objects.get().member == replaced.member

    replaced.release(0)
    assert Lease.objects.get().member == ""
