"""Kill, stop and continue the processes of a group: each partition has one owner, and no event is left out."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events import log
from events.groups.ownership import RETRYING
from events.log.partitions import forget_layout, partition_count
from events.models import Checkpoint, Lease, LogEntry, Member, Partition
from events.operations.control import GroupRequest, ask, living_members, unfinished_members
from events.stream.interface import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, issue, keep_journal, keep_journal_without, make_things, stop_in_handle
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import PATIENCE_SECONDS, wait_until
from tickets.models import Ticket

PARTITIONS = 4


@pytest.fixture
def partitions(transactional_db: None) -> Iterator[None]:
    Partition.objects.bulk_create(Partition(number=number) for number in range(1, PARTITIONS))
    forget_layout()
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()


class Group:
    """Processes of a group under load that write a common journal."""

    def __init__(self, start: Start, journal: Path) -> None:
        self.start = start
        self.journal = journal
        self.members: dict[str, BaseProcess] = {}
        self.journal.touch()

    def add(self, *names: str, seconds_per_batch: float = 0) -> None:
        for name in names:
            settings = (str(self.journal), str(partition_count()), str(seconds_per_batch))
            self.members[name] = self.start(keep_journal, name, *settings)

    def add_obstructed(self, name: str, obstacle: Path) -> None:
        """Add a process that can't open its subscriber while the file exists."""
        arguments = (str(obstacle), name, str(self.journal), str(partition_count()))
        self.members[name] = self.start(keep_journal_without, *arguments)

    def owned(self) -> dict[str, int]:
        """Return how many partitions each member has."""
        leases = Lease.objects.filter(group="journal").exclude(member="")
        return dict(Counter(member.rpartition("-")[0] for member in leases.values_list("member", flat=True)))

    def lines(self) -> list[tuple[str, int, int]]:
        """Return the journal's lines in order: process, partition and position."""
        words = [line.split() for line in self.journal.read_text().splitlines()]
        return [(name, int(partition), int(position)) for name, partition, position in words]


@pytest.fixture
def group(start: Start, stream: Stream, tmp_path: Path) -> Group:
    return Group(start, tmp_path / "journal")


def has_settled_all() -> bool:
    last = dict(Partition.objects.values_list("number", "last_position"))
    return dict(Checkpoint.objects.filter(group="journal").values_list("partition", "position")) == last


def assert_all_was_handled_in_order(lines: list[tuple[str, int, int]], *, once: bool) -> None:
    """Assert that events are repeated only after a kill, that none is left out, and that none overtakes another."""
    for partition in range(partition_count()):
        positions = [position for _, found, position in lines if found == partition]
        first_times = list(dict.fromkeys(positions))
        assert first_times == list(range(1, log.last_position(partition) + 1))
        assert not once or positions == first_times


def test_the_partitions_of_a_killed_process_move_to_the_others(partitions: None, group: Group, start: Start) -> None:
    group.add("one", "two", "three")
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: sorted(group.owned().values()) == [1, 1, 2])
    wait_until(lambda: {name for name, _, _ in group.lines()} == {"one", "two", "three"})

    kill(group.members["one"])
    wait_until(lambda: group.owned() == {"two": 2, "three": 2})

    kill(writer)
    wait_until(has_settled_all)
    assert_all_was_handled_in_order(group.lines(), once=False)


def test_sigterm_releases_the_partitions_at_once(group: Group, start: Start) -> None:
    group.add("first")
    wait_until(lambda: group.owned() == {"first": 1})
    writer = start(make_things, "1")
    wait_until(group.lines)
    group.add("second")
    wait_until(lambda: Lease.objects.count() == 1 and len(group.owned()) == 1)
    [owner] = group.owned()

    os.kill(group.members[owner].pid or 0, signal.SIGTERM)
    group.members[owner].join(PATIENCE_SECONDS)
    [other] = {"first", "second"} - {owner}

    assert group.members[owner].exitcode == 0
    assert owner not in group.owned()  # Although its lease has not expired.
    wait_until(lambda: group.owned() == {other: 1})
    kill(writer)
    wait_until(has_settled_all)
    assert_all_was_handled_in_order(group.lines(), once=True)


def test_a_slow_handler_keeps_its_lease(group: Group, start: Start) -> None:
    group.add("slow", seconds_per_batch=5)
    wait_until(lambda: group.owned() == {"slow": 1})
    epoch = Lease.objects.get().epoch
    issue()
    wait_until(group.lines)

    wait_until(has_settled_all)

    assert group.lines() == [("slow", 0, 1)]
    assert Lease.objects.get().epoch == epoch


def test_partitions_stay_evenly_shared_while_processes_come_and_go(
    partitions: None, group: Group, start: Start
) -> None:
    group.add("one")
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: group.owned() == {"one": 4})
    group.add("two")
    wait_until(lambda: group.owned() == {"one": 2, "two": 2})
    group.add("three", "four")
    wait_until(lambda: group.owned() == dict.fromkeys(("one", "two", "three", "four"), 1))
    for name in ("one", "three", "four"):
        os.kill(group.members[name].pid or 0, signal.SIGTERM)
    wait_until(lambda: group.owned() == {"two": 4})

    kill(writer)
    wait_until(has_settled_all)
    assert_all_was_handled_in_order(group.lines(), once=True)


def test_a_process_that_can_not_open_its_subscriber_takes_nothing_from_the_others(
    partitions: None, group: Group, start: Start, tmp_path: Path
) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    group.add("good")
    wait_until(lambda: group.owned() == {"good": 4})
    group.add_obstructed("bad", obstacle)
    wait_until(lambda: retries("bad"))
    epochs = dict(Lease.objects.values_list("partition", "epoch"))

    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: {partition for _, partition, _ in group.lines()} == set(range(PARTITIONS)))
    assert dict(Lease.objects.values_list("partition", "epoch")) == epochs

    obstacle.unlink()
    wait_until(lambda: group.owned() == {"good": 2, "bad": 2})
    wait_until(lambda: {name for name, _, _ in group.lines()} == {"good", "bad"})
    kill(writer)
    wait_until(has_settled_all)
    assert_all_was_handled_in_order(group.lines(), once=True)


def test_a_process_that_can_not_open_its_subscriber_is_seen_and_obeys(group: Group, tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    group.add_obstructed("bad", obstacle)
    wait_until(lambda: retries("bad"))

    ask(GroupRequest.PAUSE, ["journal"])
    wait_until(lambda: not unfinished_members(GroupRequest.PAUSE, ["journal"]))
    ask(GroupRequest.RESUME, ["journal"])
    wait_until(lambda: retries("bad"))
    ask(GroupRequest.STOP, ["journal"])
    group.members["bad"].join(PATIENCE_SECONDS)

    assert group.members["bad"].exitcode == 0
    assert not Member.objects.exists()


def test_a_stop_reaches_a_process_that_was_silent_and_cleared(group: Group) -> None:
    group.add("silent")
    wait_until(lambda: group.owned() == {"silent": 1})
    silent = group.members["silent"]
    os.kill(silent.pid or 0, signal.SIGSTOP)
    wait_until(lambda: not living_members(["journal"]))
    group.add("second")
    wait_until(lambda: group.owned() == {"second": 1})
    assert not Member.objects.filter(id__startswith="silent").exists()
    ask(GroupRequest.STOP, ["journal"])

    os.kill(silent.pid or 0, signal.SIGCONT)
    silent.join(PATIENCE_SECONDS)

    assert silent.exitcode == 0


def retries(name: str) -> bool:
    return Member.objects.filter(id__startswith=name, state=RETRYING).exists()


def test_a_wipe_of_redis_does_not_lead_to_a_second_owner(
    partitions: None, group: Group, start: Start, stream: Stream
) -> None:
    group.add("one", "two")
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: group.owned() == {"one": 2, "two": 2})
    for _ in range(8):
        stream._client.flushall()
        reached = len(group.lines())
        wait_until(lambda reached=reached: len(group.lines()) > reached + 100)

    kill(writer)
    wait_until(has_settled_all)
    assert_all_was_handled_in_order(group.lines(), once=True)


def test_an_owner_that_continues_after_its_lease_moves_no_checkpoint(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    issue()
    stopped = start(stop_in_handle)
    wait_until(lambda: is_stopped(stopped))
    start(consume)
    wait_until(lambda: Checkpoint.objects.filter(position=1).count() == 2)
    Ticket.objects.get().cancel()
    wait_until(lambda: Checkpoint.objects.filter(position=3).count() == 2)

    os.kill(stopped.pid or 0, signal.SIGCONT)
    # It finishes its batch, finds its lease gone, and becomes the owner again, since its name comes first.
    wait_until(lambda: Lease.objects.get().member.startswith("stopped"))

    wait_until(lambda: set(Checkpoint.objects.values_list("position", flat=True)) == {3})
    assert LogEntry.objects.count() == 3
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def is_stopped(process: BaseProcess) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
