"""Take Redis away from a running consumer in every way: it reads on from the log, and returns to the stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.models import Checkpoint, DeadLetter, Member
from tests.faults.conftest import Start
from tests.faults.roles import at, keep_journal_of, relay
from tests.faults.test_outage import OUTAGES, Outage
from tests.network.redis_servers import VALKEY, Server, running_server
from tests.things import ThingMade
from tests.waiting import wait_until

EVENTS = 8
LONGEST_LAG_SECONDS = 5.0
"""On a busy machine; it is less than a second else."""


@pytest.fixture
def server(tmp_path: Path, settings: Settings) -> Iterator[Server]:
    with running_server(VALKEY, tmp_path / "server") as server:
        settings.EVENTS_STREAM_URL = server.url
        yield server


@pytest.fixture
def consumer(start: Start, server: Server, tmp_path: Path) -> BaseProcess:
    """A consumer that has read an event from the stream, and a relay."""
    start(at, server.url, relay.__name__)
    consumer = start(keep_journal_of, server.url, str(tmp_path / "journal"))
    record_one("before")
    wait_until(lambda: has_handled(1))
    wait_until(lambda: place_in_stream(server) == "1-0")
    return consumer


def record_one(name: str) -> None:
    with unit_of_work():
        record(ThingMade(name=name))


def has_handled(position: int) -> bool:
    return Checkpoint.objects.filter(group="journal", position=position).exists()


def place_in_stream(server: Server) -> str:
    """Return the last entry that the group has read and acknowledged, "" if there are others."""
    groups = [group for group in server.client.xinfo_groups("tickets") if group["name"] == "journal"]
    return groups[0]["last-delivered-id"] if groups and not groups[0]["pending"] else ""


def state() -> tuple[str, str]:
    return Member.objects.filter(group="journal").values_list("state", "error").get()


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_consumer_reads_the_log_and_returns_to_the_stream(
    outage: Outage, server: Server, consumer: BaseProcess
) -> None:
    with contextmanager(outage)(server):
        for number in range(EVENTS):
            record_one(f"during-{number}")
            wait_until(lambda number=number: has_handled(number + 2), within_seconds=LONGEST_LAG_SECONDS)
        assert state()[0] == "consuming"

    wait_until(lambda: place_in_stream(server) == f"{EVENTS + 1}-0")
    record_one("afterwards")
    wait_until(lambda: place_in_stream(server) == f"{EVENTS + 2}-0")
    wait_until(lambda: state() == ("consuming", ""))
    assert has_handled(EVENTS + 2)
    assert consumer.is_alive()  # Its first failure would end it.
    assert not DeadLetter.objects.exists()


def test_the_status_says_why_the_log_is_read(server: Server, consumer: BaseProcess) -> None:
    server.stop()

    wait_until(lambda: "Redis does not answer" in state()[1])

    assert state()[0] == "consuming"
