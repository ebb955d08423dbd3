"""Kill masters of a cluster, move a slot and cut the network under load: nothing is lost, doubled or out of order.

The relay and the consumer are real processes; the stream has four partitions on three masters, and then eight.
`python -m tests.faults.cluster` does the same in many rounds.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from subprocess import Popen

import pytest
from django.db.models import Sum
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK
from events.exceptions import StreamUnavailable
from events.log.partitions import forget_layout, partition_count
from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream
from events.stream.redis_cluster import ClusterStream
from tests.faults import test_ownership as ownership
from tests.faults.conftest import Start, kill
from tests.faults.roles import at
from tests.faults.split_brain import split
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.network.partitions import running_network
from tests.network.redis_cluster import MASTERS, Cluster, running_cluster
from tests.processes import running
from tests.waiting import wait_until

WRITERS = 2
MORE_PARTITIONS = "8"
partitions = ownership.partitions


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_network() as network, running_cluster(tmp_path, network) as cluster:
        yield cluster


@pytest.fixture
def processes(
    cluster: Cluster, partitions: None, elasticsearch: Elasticsearch, start: Start
) -> Iterator[list[Popen[str]]]:
    """Run the relay and a consumer."""
    commands = (["relay_events"], ["consume_events", "readmodel", "--consumer", "one"])
    variables = {"EVENT_STREAM_URL": cluster.dsn, "EVENTS_PARTITIONS": str(partition_count())}
    with ExitStack() as stack:
        yield [stack.enter_context(running("manage.py", *command, **variables)) for command in commands]


def handled() -> int:
    """Return the number of events in the index that has the fewest."""
    targets = Checkpoint.objects.filter(group="readmodel").values("target")
    return min(targets.annotate(sum=Sum("position")).values_list("sum", flat=True), default=0)


def wait_for_more() -> None:
    before = handled()
    wait_until(lambda: handled() > before + 20)


def ends(stream: Stream) -> list[int]:
    try:
        return [stream.tail(partition).position for partition in range(partition_count())]
    except StreamUnavailable:
        return []


def test_masters_that_die_a_slot_that_moves_and_a_cut_network_lose_nothing(
    cluster: Cluster, start: Start, processes: list[Popen[str]], elasticsearch: Elasticsearch, settings: Settings
) -> None:
    writers = [start(at, cluster.dsn, "write") for _ in range(WRITERS)]
    wait_for_more()

    first = cluster.master_of("tickets:0")
    repartitioning = start(at, cluster.dsn, "repartition", MORE_PARTITIONS)
    cluster.kill(first)
    repartitioning.join()
    wait_for_more()
    wait_until(cluster.is_whole)
    start(at, cluster.dsn, "repartition", MORE_PARTITIONS).join()  # If the command has failed, it has changed nothing.
    forget_layout()
    cluster.move("tickets:1")
    wait_for_more()
    cluster.start_again(first)
    wait_until(cluster.is_whole)

    split(cluster, 1)
    wait_for_more()
    wait_until(cluster.is_served)
    cluster.heal()
    wait_until(cluster.is_whole)

    unreachable = cluster.master_of("tickets:2")  # Nobody replaces it, since the other nodes reach it.
    cluster.cut_clients(unreachable, LOOPBACK)
    wait_for_more()
    cluster.heal()

    for writer in writers:
        assert writer.is_alive()
        kill(writer)
    numbers = range(int(MORE_PARTITIONS))
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
    given = [last_position(number) for number in numbers]
    assert all(given)
    assert len({cluster.master_of(f"tickets:{number}") for number in numbers[4:]}) == MASTERS
    wait_until(lambda: handled() == sum(given))
    with closing(ClusterStream(StreamDSN.parse(cluster.dsn), timeout_seconds=5)) as stream:
        wait_until(lambda: ends(stream) == given)
        for number in numbers:
            assert_every_position_is_there_once_in_order(stream, number)
    assert [process.poll() for process in processes] == [None, None]
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def assert_every_position_is_there_once_in_order(stream: Stream, partition: int) -> None:
    entries = stream.entries(partition, after="0", count=1_000_000)
    sent = [(entry.envelope.position, entry.envelope.id) for entry in entries if entry.envelope]
    placed = LogEntry.objects.filter(place__partition=partition).order_by("place__position")
    assert sent == list(placed.values_list("place__position", "event_id"))
    assert [position for position, _ in sent] == list(range(1, len(sent) + 1))
