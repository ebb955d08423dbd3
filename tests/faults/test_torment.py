"""Kill every kind of process and wipe Redis at random moments: nothing is lost or invented.

Meanwhile the log is compacted: replaced events are gone, up to `compacted_to` of the partition.
"""

import random
import time
from collections.abc import Callable
from itertools import pairwise

from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log.reading import last_position
from events.models import Checkpoint, LogEntry, Partition
from events.stream.interface import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import compact, consume, relay, write
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until
from tickets.models import Ticket

STRIKES = 25
WIPE_SHARE = 0.2
ROLES = (write, write, write, relay, relay, consume, compact)


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

    def kill_all(self, *roles: Callable[[], None]) -> None:
        for role, process in zip(ROLES, self.processes, strict=True):
            if role in roles:
                kill(process)


def test_nothing_is_lost_or_invented_and_the_read_model_ends_equal_to_the_truth(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    tormented = Torment(start, stream)
    wait_until(lambda: Checkpoint.objects.filter(position__gt=0).exists())
    for _ in range(STRIKES):
        time.sleep(random.uniform(0.1, 0.8))  # Chooses the moment of the strike; it is not a wait for a condition.
        tormented.strike()
    wait_until(lambda: last_position(0) > LogEntry.objects.count())
    tormented.kill_all(write, compact)
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
    last = last_position(0)
    wait_until(lambda: stream.tail(0).position == last)
    wait_until(lambda: set(Checkpoint.objects.values_list("position", flat=True)) == {last})
    compacted_to = Partition.objects.get(number=0).compacted_to
    dropped = last - LogEntry.objects.count()
    print(f"{last} events, {dropped} dropped, {tormented.kills} kills, {tormented.wipes} wipes")  # noqa: T201 (pytest -s)

    assert dropped > 0
    assert_the_log_tells_what_the_tickets_are()
    assert_positions_have_no_gaps_above(compacted_to)
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def assert_the_log_tells_what_the_tickets_are() -> None:
    """Assert that each change has one position, and that the log has each ticket's newest event."""
    versions = {str(ticket): version for ticket, version in Ticket.objects.values_list("id", "version")}
    told: dict[str, list[int]] = {}
    for ticket, version in LogEntry.objects.order_by("aggregate_version").values_list("subject", "aggregate_version"):
        told.setdefault(ticket, []).append(version)
    assert sum(versions.values()) == last_position(0)
    assert {ticket: seen[-1] for ticket, seen in told.items()} == versions
    assert all(seen == list(range(seen[0], seen[-1] + 1)) for seen in told.values())


def assert_positions_have_no_gaps_above(compacted_to: int) -> None:
    in_order = list(
        LogEntry.objects.order_by("place__position").values_list("place__position", "subject", "aggregate_version")
    )
    not_compacted = [position for position, _, _ in in_order if position and position > compacted_to]
    assert not_compacted == list(range(compacted_to + 1, last_position(0) + 1))
    by_ticket = sorted(in_order, key=lambda row: row[1])
    for (_, ticket, version), (_, next_ticket, next_version) in pairwise(by_ticket):
        assert ticket != next_ticket or version < next_version


def assert_the_stream_is_a_window_on_the_log(stream: Stream, compacted_to: int) -> None:
    """Assert that from its first entry on it has all events of the log, and at most compacted events besides."""
    logged = dict(LogEntry.objects.values_list("place__position", "event_id"))
    entries = stream.entries(0, after="0", count=1_000_000)
    sent = {entry.envelope.position or 0: entry.envelope.id for entry in entries if entry.envelope}
    assert len(sent) == len(entries)
    assert list(sent) == sorted(sent)
    first = min(sent)
    assert {
        position: event for position, event in logged.items() if position and position >= first
    }.items() <= sent.items()
    assert all(position <= compacted_to for position in sent.keys() - logged.keys())
