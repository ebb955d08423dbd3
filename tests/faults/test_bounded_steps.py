"""A large backlog keeps nobody waiting: neither another process of the group, nor a partition, nor SIGTERM."""

import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from events import record, unit_of_work
from events.log.partitions import partition_count
from events.models import Checkpoint
from events.operations.control import GroupRequest, ask
from events.relay.flush import sweep
from events.stream.interface import Stream
from tests.faults import test_ownership as ownership
from tests.faults.conftest import Start
from tests.faults.roles import keep_journal
from tests.faults.test_ownership import PARTITIONS, Group, has_settled_all
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

group = ownership.group
partitions = ownership.partitions

BACKLOG = 1_000
SECONDS_PER_EVENT = "0.01"
LEFT_IN_STREAM = 5
SMALL, LARGE, LARGE_BYTES = 2_000, 120, 800_000
MOST_MEGABYTES = 64


def make_backlog(stream: Stream) -> None:
    """Record some 1,000 events for each partition, of which the stream has only the last."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(BACKLOG * partition_count())))
    for partition in range(partition_count()):
        sweep(stream, partition)
        stream.trim(partition, length=LEFT_IN_STREAM)


def start_slow(start: Start, group: Group, name: str) -> BaseProcess:
    arguments = (name, str(group.journal), str(partition_count()), "0", SECONDS_PER_EVENT)
    process = group.members[name] = start(keep_journal, *arguments)
    return process


def test_a_second_process_gets_its_share_while_the_first_catches_up(
    partitions: None, group: Group, start: Start, stream: Stream
) -> None:
    make_backlog(stream)
    start_slow(start, group, "one")
    wait_until(lambda: {partition for _, partition, _ in group.lines()} == set(range(PARTITIONS)))

    start_slow(start, group, "two")

    wait_until(lambda: group.owned() == {"one": 2, "two": 2})
    wait_until(lambda: {name for name, _, _ in group.lines()} == {"one", "two"})
    assert not has_settled_all()


def test_sigterm_ends_a_process_that_catches_up_after_its_step(
    group: Group, start: Start, stream: Stream, transactional_db: None
) -> None:
    make_backlog(stream)
    process = start_slow(start, group, "one")
    wait_until(group.lines)

    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(PATIENCE_SECONDS)

    assert process.exitcode == 0
    assert Checkpoint.objects.get(group="journal").position == len(group.lines()) < BACKLOG


def test_large_events_after_small_ones_take_little_memory(group: Group, start: Start, stream: Stream) -> None:
    group.add("one")
    wait_until(lambda: group.owned() == {"one": 1})
    idle = most_megabytes_of(group.members["one"])
    ask(GroupRequest.PAUSE, ["journal"])
    make_things("small", SMALL, stream)
    make_things("large", LARGE, stream, note="x" * LARGE_BYTES)

    ask(GroupRequest.RESUME, ["journal"])
    wait_until(has_settled_all)

    assert len(group.lines()) == SMALL + LARGE
    assert most_megabytes_of(group.members["one"]) - idle < MOST_MEGABYTES


def make_things(kind: str, count: int, stream: Stream, *, note: str = "") -> None:
    for first in range(0, count, 20):
        with unit_of_work():
            record(*(ThingMade(name=f"{kind}-{number}", note=note) for number in range(first, first + 20)))
    sweep(stream, 0)


def most_megabytes_of(process: BaseProcess) -> float:
    """Return the most memory that the process has ever used."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(kilobytes) / 1_000
