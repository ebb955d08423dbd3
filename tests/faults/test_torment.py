"""Kill every kind of process and wipe Redis, at random moments, and find that nothing is lost or invented."""

import random
import time
from itertools import pairwise

from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log import last_position
from events.models import Checkpoint, LogEntry
from events.stream import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, relay, write
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until
from tickets.models import Ticket

SECONDS = 12
WIPE_SHARE = 0.2
ROLES = (write, write, write, relay, relay, consume)


class Torment:
    """Processes that are killed and started again."""

    def __init__(self, start: Start, stream: Stream) -> None:
        self.start = start
        self.stream = stream
        self.processes = [start(role) for role in ROLES]
        self.kills = self.wipes = 0

    def strike(self) -> None:
        """Kill one process and start it again; now and then, wipe Redis."""
        number = random.randrange(len(ROLES))
        kill(self.processes[number])
        self.processes[number] = self.start(ROLES[number])
        self.kills += 1
        if random.random() < WIPE_SHARE:
            self.stream._client.flushall()
            self.wipes += 1

    def kill_writers(self) -> None:
        for role, process in zip(ROLES, self.processes, strict=True):
            if role is write:
                kill(process)


def test_nothing_is_lost_nothing_is_invented_and_the_read_model_ends_equal_to_the_truth(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    tormented = Torment(start, stream)
    wait_until(lambda: Checkpoint.objects.filter(position__gt=0).exists(), within_seconds=60)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(random.uniform(0.1, 0.8))  # The moment of the strike, not a wait for something.
        tormented.strike()
    tormented.kill_writers()
    wait_until(lambda: not LogEntry.objects.filter(position=None).exists(), within_seconds=10)
    last = last_position(0)
    wait_until(lambda: stream.tail(0).position == last, within_seconds=10)
    wait_until(lambda: Checkpoint.objects.order_by("-position")[0].position == last, within_seconds=30)
    print(f"{last} events, {tormented.kills} kills, {tormented.wipes} wipes")  # noqa: T201 (pytest -s shows it)

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
