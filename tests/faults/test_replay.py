"""Set a group back and forward while its processes run: they follow, and none moves a checkpoint back again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from events.log.partitions import forget_layout
from events.models import Checkpoint, Lease, Partition
from events.stream.interface import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import keep_journal, make_things
from tests.waiting import wait_until

PARTITIONS = 4
RESETS = 5
GROUP = "journal"

type Positions = dict[int, list[int]]


@pytest.fixture(autouse=True)
def _partitions(transactional_db: None, settings: Settings) -> Iterator[None]:
    settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.faults.roles.Journal"}
    Partition.objects.bulk_create(Partition(number=number) for number in range(1, PARTITIONS))
    forget_layout()
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()


@pytest.fixture
def handled(start: Start, stream: Stream, tmp_path: Path) -> Callable[[], Positions]:
    """Run two processes under load; return a function that returns each partition's handled positions in order."""
    journal = tmp_path / "journal"
    journal.touch()
    for name in ("one", "two"):
        start(keep_journal, name, str(journal), str(PARTITIONS))
    wait_until(lambda: Lease.objects.exclude(member="").count() == PARTITIONS)

    def handled() -> Positions:
        positions: Positions = {number: [] for number in range(PARTITIONS)}
        for line in journal.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                _, partition, position = line.split()
                positions[int(partition)].append(int(position))
        return positions

    return handled


def ends() -> dict[int, int]:
    return dict(Partition.objects.values_list("number", "last_position"))


def has_settled_all() -> bool:
    return dict(Checkpoint.objects.filter(group=GROUP).values_list("partition", "position")) == ends()


def restarts(positions: list[int]) -> int:
    """Count how often the first event was handled again."""
    return positions.count(1) - 1


def test_running_consumers_repeat_all_events_each_time(start: Start, handled: Callable[[], Positions]) -> None:
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: all(len(positions) > 50 for positions in handled().values()))

    for number in range(1, RESETS + 1):
        call_command("reset_group", GROUP, "--to", "0", "--yes")
        wait_until(lambda number=number: min(map(restarts, handled().values())) == number)
        assert Checkpoint.objects.filter(group=GROUP).count() == PARTITIONS

    kill(writer)
    wait_until(has_settled_all)
    for partition, positions in handled().items():
        last_time = positions[len(positions) - 1 - positions[::-1].index(1) :]
        assert last_time == list(range(1, ends()[partition] + 1))
        assert restarts(positions) == RESETS


def test_idle_consumers_follow_without_a_new_event(start: Start, handled: Callable[[], Positions]) -> None:
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: all(len(positions) > 50 for positions in handled().values()))
    kill(writer)
    wait_until(has_settled_all)
    before = handled()

    call_command("reset_group", GROUP, "--to", "40", "--partition", "2", "--yes")

    repeated = list(range(41, ends()[2] + 1))
    wait_until(lambda: handled() == {**before, 2: before[2] + repeated})
    wait_until(has_settled_all)


def test_skipped_events_are_not_handled(start: Start, handled: Callable[[], Positions]) -> None:
    writer = start(make_things, str(PARTITIONS))
    wait_until(lambda: all(len(positions) > 50 for positions in handled().values()))
    kill(writer)
    call_command("pause_consumers", GROUP, "--wait")
    before = handled()
    writer = start(make_things, str(PARTITIONS))
    reached = ends()
    wait_until(lambda: all(ends()[number] > reached[number] + 20 for number in reached))
    skipped_to = ends()

    call_command("reset_group", GROUP, "--to", "0m", "--yes")
    call_command("resume_consumers", GROUP, "--wait")

    kill(writer)
    wait_until(has_settled_all)
    for partition, positions in handled().items():
        after = positions[len(before[partition]) :]
        assert min(after, default=ends()[partition] + 1) > skipped_to[partition]
        assert after == sorted(after)
