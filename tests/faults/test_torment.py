"""Kill every kind of process and wipe Redis, at random moments, and find that nothing is lost or invented."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log import last_position
from events.models import Checkpoint, LogEntry
from events.stream import Stream
from tests.processes import start
from tests.waiting import wait_until
from tickets.models import Ticket

SECONDS = 12
WIPE_SHARE = 0.2
COMMANDS = (
    *[("-m", "tests.faults.writer")] * 3,
    *[("manage.py", "relay_events")] * 2,
    ("manage.py", "consume_events", "readmodel", "--consumer", "tormented"),
)


class Torment:
    """Processes that are killed and started again."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.processes = [start(*command) for command in COMMANDS]
        self.kills = self.wipes = 0

    def strike(self) -> None:
        """Kill one process and start it again; now and then, wipe Redis."""
        number = random.randrange(len(COMMANDS))
        kill(self.processes[number])
        self.processes[number] = start(*COMMANDS[number])
        self.kills += 1
        if random.random() < WIPE_SHARE:
            self.stream._client.flushall()
            self.wipes += 1

    def kill_writers(self) -> None:
        for command, process in zip(COMMANDS, self.processes, strict=True):
            if "tests.faults.writer" in command:
                kill(process)

    def end(self) -> None:
        for process in self.processes:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def torment(stream: Stream) -> Iterator[Torment]:
    with ExitStack() as ending:
        tormented = Torment(stream)
        ending.callback(tormented.end)
        yield tormented


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_nothing_is_invented_and_the_read_model_ends_equal_to_the_truth(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    with torment(stream) as tormented:
        wait_until(lambda: Ticket.objects.exists() and Checkpoint.objects.filter(position__gt=0), within_seconds=30)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(random.uniform(0.1, 0.8))  # The moment of the strike, not a wait for something.
            tormented.strike()
        tormented.kill_writers()
        wait_until(lambda: not LogEntry.objects.filter(position=None).exists(), within_seconds=10)
        last = last_position(0)
        wait_until(lambda: stream.tail(0).position == last, within_seconds=10)
        wait_until(lambda: Checkpoint.objects.order_by("-position")[0].position == last, within_seconds=30)

    assert tormented.kills > 10
    assert_the_log_tells_what_the_tickets_are()
    assert_positions_have_no_gaps()
    assert_the_stream_is_a_window_on_the_log(stream)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def assert_the_log_tells_what_the_tickets_are() -> None:
    versions = {str(ticket): version for ticket, version in Ticket.objects.values_list("id", "version")}
    told = LogEntry.objects.order_by("subject", "aggregate_version").values_list("subject", "aggregate_version")
    expected = [(ticket, version) for ticket in sorted(versions) for version in range(1, versions[ticket] + 1)]
    assert list(told) == expected


def assert_positions_have_no_gaps() -> None:
    in_order = list(LogEntry.objects.order_by("position").values_list("position", "subject", "aggregate_version"))
    assert [position for position, _, _ in in_order] == list(range(1, len(in_order) + 1))
    by_ticket = sorted(in_order, key=lambda row: row[1])
    for (_, ticket, version), (_, next_ticket, next_version) in pairwise(by_ticket):
        assert ticket != next_ticket or version < next_version


def assert_the_stream_is_a_window_on_the_log(stream: Stream) -> None:
    logged = dict(LogEntry.objects.values_list("position", "event_id"))
    entries = stream.entries(0, after="0", count=1_000_000)
    sent = [(entry.envelope.position, entry.envelope.id) for entry in entries if entry.envelope]
    assert len(sent) == len(entries)
    assert [position for position, _ in sent] == list(range(sent[0][0] or 0, len(logged) + 1))
    assert all(logged[position] == event_id for position, event_id in sent)


def assert_the_read_model_equals_the_tickets(elasticsearch: Elasticsearch, alias: str) -> None:
    elasticsearch.indices.refresh(index=alias)
    hits = elasticsearch.search(index=alias, size=10_000, source=["status", "version", "code"])["hits"]["hits"]
    found = {hit["_id"]: (hit["_source"]["code"], hit["_source"]["status"], hit["_source"]["version"]) for hit in hits}
    truth = Ticket.objects.values_list("id", "code", "status", "version")
    assert found == {str(ticket): (code, status, version) for ticket, code, status, version in truth}
