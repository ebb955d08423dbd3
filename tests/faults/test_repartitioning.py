"""Give the log 4 and then 16 partitions under load, while its processes are killed: order is kept, nothing is lost."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from django.db.models import Max
from pytest_django import Settings

from events.log.partitions import forget_layout
from events.models import Checkpoint, LogEntry, Partition, WaitingEntry
from events.stream.interface import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import keep_versions, move_things, relay, repartition, repartition_until_death
from tests.waiting import wait_until

GROUP = "journal"
WRITERS, CONSUMERS = ("north", "south"), ("one", "two")
FIRST_EVENTS, MORE_EVENTS = 100, 200
STEPS = [
    ("events.operations.repartitioning", "locked_partitions"),
    ("events.operations.repartitioning", "_checkpoints"),
    ("events.operations.repartitioning", "forget_layout"),
]
"""Where the command is killed: before its transaction, in the middle of it, and after its commit."""


@pytest.fixture(autouse=True)
def _one_partition(transactional_db: None, settings: Settings) -> Iterator[None]:
    settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.faults.roles.Versions"}
    forget_layout()
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()


def has_settled_all() -> bool:
    ends = dict(Partition.objects.values_list("number", "last_position"))
    reached = Checkpoint.objects.filter(group=GROUP).values_list("partition", "position")
    return not WaitingEntry.objects.exists() and dict(reached) == ends


def newest_versions() -> dict[str, int]:
    rows = LogEntry.objects.values("subject").annotate(newest=Max("aggregate_version")).order_by()
    return dict(rows.values_list("subject", "newest"))


def handled_versions(journal: Path) -> dict[str, list[int]]:
    """Return the versions of each thing in the order in which they were handled first."""
    handled = defaultdict[str, dict[int, None]](dict)
    for line in journal.read_text().splitlines():
        name, version = line.split()
        handled[name][int(version)] = None
    return {name: list(versions) for name, versions in handled.items()}


def test_order_is_kept_and_nothing_is_lost_while_processes_are_killed(
    start: Start, stream: Stream, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    processes: dict[str, BaseProcess] = {}

    def begin(name: str) -> None:
        role = {"relay": (relay,)} | {n: (move_things, n) for n in WRITERS}
        processes[name] = start(*role.get(name, (keep_versions, name, str(journal))))

    def recorded_more(number: int) -> None:
        wanted = LogEntry.objects.count() + number
        wait_until(lambda: LogEntry.objects.count() >= wanted, within_seconds=60)

    everybody = cycle([*CONSUMERS, "relay", *WRITERS])
    for name in ("relay", *WRITERS, *CONSUMERS):
        begin(name)
    recorded_more(FIRST_EVENTS)
    for partitions in (4, 16):
        for owner, method in STEPS:
            start(repartition_until_death, str(partitions), owner, method).join()
            is_committed = method == "forget_layout"
            assert Partition.objects.count() == (partitions if is_committed else partitions // 4)
            victim = next(everybody)
            kill(processes[victim])
            begin(victim)
            recorded_more(MORE_EVENTS)
        start(repartition, str(partitions)).join()
    for name in WRITERS:
        kill(processes[name])
    wait_until(has_settled_all, within_seconds=60)

    assert Partition.objects.filter(number__gte=4, last_position__gt=0).count() >= 8
    expected = {name: list(range(1, newest + 1)) for name, newest in newest_versions().items()}
    assert handled_versions(journal) == expected
