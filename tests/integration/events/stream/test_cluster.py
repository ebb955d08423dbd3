"""The guarantees of a stream, on a cluster of three masters and three replicas."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import Settings

from config.engines.valkey import PERMISSIONS
from config.supervisord.ports import LOOPBACK
from events.exceptions import GroupLost, StreamUnavailable
from events.log.partitions import forget_layout
from events.models import Partition
from events.operations.doctor import examine
from events.operations.doctor.finding import NO_ANSWER
from events.operations.doctor.remedies import HANGS
from events.operations.status import status
from events.stream.interface import EXAMINED, Stream, open_stream
from events.stream.redis_cluster import ClusterStream
from events.stream.tail import EMPTY
from tests.contracts.stream import GROUP, READER, StreamContract
from tests.network.redis_cluster import MASTERS, NODE_TIMEOUT_SECONDS, Cluster, Node, running_cluster
from tests.processes import suspended
from tests.things import envelope_at
from tests.waiting import wait_until

LATE_SECONDS = 0.2
PERMISSIONS_IN_A_CLUSTER = re.findall(
    r"`([&+]\S+)`", Path("docs/operations/failover.md").read_text().partition("## Spread the stream over a cluster")[2]
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def stream(cluster: Cluster, settings: Settings) -> Iterator[Stream]:
    settings.EVENTS_STREAM_URL = cluster.dsn
    stream = open_stream()
    assert isinstance(stream, ClusterStream)
    for node in cluster.masters:
        node.client.flushall()
    yield stream
    stream.close()


class TestStream(StreamContract):
    """The guarantees of a stream."""


@pytest.fixture
def partitions(db: None) -> Iterator[list[int]]:
    """Four partitions, whose keys are on all three masters."""
    Partition.objects.bulk_create(Partition(number=number) for number in range(1, 4))
    forget_layout()
    yield [0, 1, 2, 3]
    forget_layout()


@pytest.fixture
def groups(stream: Stream, partitions: list[int]) -> list[int]:
    for partition in partitions:
        stream.create_group(partition, GROUP, after=0)
    return partitions


def read(stream: Stream, partitions: list[int], block_seconds: float = 0) -> dict[int, list[str]]:
    found = stream.read(GROUP, READER, partitions, count=10, block_seconds=block_seconds)
    return {partition: [entry.id for entry in entries] for partition, entries in found.items()}


def test_the_partitions_are_on_several_masters(cluster: Cluster, stream: Stream, partitions: list[int]) -> None:
    assert len({cluster.master_of(stream.key(partition)).port for partition in partitions}) == MASTERS


def test_all_partitions_are_read_at_once(stream: Stream, groups: list[int]) -> None:
    for partition in groups[1:]:
        stream.append(partition, EMPTY, [envelope_at(1)])

    assert read(stream, groups) == {1: ["1-0"], 2: ["1-0"], 3: ["1-0"]}
    assert read(stream, groups) == {}


def test_who_waits_hears_of_each_append(stream: Stream, groups: list[int]) -> None:
    with closing(open_stream()) as other, ThreadPoolExecutor(1) as pool:
        for partition in groups:
            begun = time.monotonic()
            appended = pool.submit(append_late, other, partition)

            assert read(stream, groups, block_seconds=2.5) == {partition: ["1-0"]}
            assert time.monotonic() - begun < 2.0  # Without the message, the read would end after 2.5 s.
            appended.result()


def append_late(stream: Stream, partition: int) -> None:
    """Append while the reader waits, or a moment before; this thread does not see the test's rows."""
    time.sleep(LATE_SECONDS)
    stream.append(partition, EMPTY, [envelope_at(1)], generation=0)


def test_a_lost_group_keeps_nothing_of_the_others_back(cluster: Cluster, stream: Stream, groups: list[int]) -> None:
    stream.append(0, EMPTY, [envelope_at(1)])
    stream.delete(2)

    assert read(stream, groups) == {0: ["1-0"]}
    with pytest.raises(GroupLost):
        read(stream, groups)


def test_a_slot_that_moves_is_followed(cluster: Cluster, stream: Stream, groups: list[int]) -> None:
    end = stream.append(1, EMPTY, [envelope_at(1)])
    before = cluster.master_of(stream.key(1))

    cluster.move(stream.key(1))
    stream.append(1, end, [envelope_at(2)])

    assert cluster.master_of(stream.key(1)) is not before
    assert read(stream, groups) == {1: ["1-0", "2-0"]}


def test_what_one_master_says_is_examined(cluster: Cluster, stream: Stream) -> None:
    cluster.masters[1].client.config_set("maxmemory-policy", "allkeys-lru")

    assert stream.information()["maxmemory_policy"] == "allkeys-lru"
    assert stream.information()[EXAMINED] in stream.servers()

    cluster.masters[1].client.config_set("maxmemory-policy", "noeviction")
    assert stream.information()["maxmemory_policy"] == "noeviction"


def test_every_node_rewrites_its_file(cluster: Cluster, stream: Stream) -> None:
    before = [rewrites(node) for node in cluster.nodes]

    assert stream.rewrite_file()

    wait_until(lambda: all(rewrites(node) > earlier for node, earlier in zip(cluster.nodes, before, strict=True)))


def rewrites(node: Node) -> int:
    return int(node.client.info("persistence")["aof_rewrites"])


def test_a_user_with_the_documented_permissions_is_refused_nothing(
    cluster: Cluster, stream: Stream, groups: list[int], settings: Settings
) -> None:
    permissions = [*PERMISSIONS.read_text().split(), *PERMISSIONS_IN_A_CLUSTER]
    for node in cluster.nodes:
        node.client.execute_command("ACL", "SETUSER", "tickets", "reset", "on", ">secret", *permissions)
    settings.EVENTS_STREAM_URL = cluster.dsn.replace("://", "://tickets:secret@")

    with closing(open_stream()) as limited:
        limited.append(0, EMPTY, [envelope_at(1)])

        assert read(limited, groups) == {0: ["1-0"]}
        assert limited.refused_commands() == []


@pytest.mark.django_db
def test_a_node_of_a_cluster_is_no_single_server(cluster: Cluster, stream: Stream, settings: Settings) -> None:
    other = next(node for node in cluster.masters if node is not cluster.master_of(stream.key(0)))
    settings.EVENTS_STREAM_URL = f"redis://{LOOPBACK}:{other.port}/tickets"

    with closing(open_stream()) as single, pytest.raises(StreamUnavailable, match="begin with redis\\+cluster://"):
        single.tail(0)


class TestPartlyDown:
    """One master hangs; the others think that it lives."""

    @pytest.fixture(autouse=True)
    def hung(self, cluster: Cluster, stream: Stream, groups: list[int]) -> Iterator[Node]:
        for partition in groups:
            stream.append(partition, EMPTY, [envelope_at(1)])
        hung = cluster.master_of(stream.key(1))
        for node in cluster.nodes:
            node.client.config_set("cluster-node-timeout", 60_000)
        with suspended([hung.process]):
            yield hung
        for node in cluster.nodes:
            node.client.config_set("cluster-node-timeout", NODE_TIMEOUT_SECONDS * 1_000)

    @pytest.fixture
    def impatient(self, hung: Node) -> Iterator[Stream]:
        with closing(open_stream(timeout_seconds=0.5)) as stream:
            yield stream

    def test_the_failure_names_the_master_and_the_partition(self, hung: Node, impatient: Stream) -> None:
        found: dict[int, list[str]] = {}
        with pytest.raises(StreamUnavailable, match=f":{hung.port}: ") as raised:
            while True:
                found |= read(impatient, [0, 1, 2, 3])

        assert raised.value.partitions == [1]
        assert found == {0: ["1-0"]}  # What was read before the failure is not kept back.

    def test_a_ping_asks_every_master(self, impatient: Stream) -> None:
        with pytest.raises(StreamUnavailable):
            impatient.ping()

    def test_the_others_are_shown(self, hung: Node, impatient: Stream) -> None:
        found = status(impatient)

        ends = {partition.partition: partition.stream_position for partition in found}
        assert ends.pop(1) is None
        assert list(ends.values()).count(1) >= 2  # Two masters answer.

    def test_a_master_without_the_scripts_takes_entries(self, cluster: Cluster, hung: Node, stream: Stream) -> None:
        other = next(node for node in cluster.nodes if stream.server_of(2) == f"{LOOPBACK}:{node.port}")
        assert other is not hung
        other.client.script_flush()

        assert stream.append(2, stream.tail(2), [envelope_at(2)]).position == 2

    def test_the_doctor_names_the_master_and_its_partitions_and_examines_the_others(
        self, hung: Node, impatient: Stream
    ) -> None:
        name = f"{LOOPBACK}:{hung.port}"
        found = list(examine(impatient))

        silent, unknown = (
            item for item in found if item.is_fault and item.page == NO_ANSWER and "target" not in item.about
        )
        assert silent[1:3] == (f"Redis does not answer: {name}: Timeout reading from socket", HANGS)
        hidden = [impatient.key(number) for number in range(4) if impatient.server_of(number) == name]
        assert unknown.found.startswith(f"nothing is known of {', '.join(hidden)}: ")
        seen = [item.found.split(": ")[0] for item in found if item.about == "divergence"]
        assert sorted(seen + hidden) == ["tickets:0", "tickets:1", "tickets:2", "tickets:3"]


@pytest.mark.django_db
def test_what_a_user_may_not_do_is_named(cluster: Cluster, stream: Stream, settings: Settings) -> None:
    for node in cluster.nodes:
        node.client.execute_command("ACL", "SETUSER", "mute", "reset", "on", ">secret", "allkeys", "+@all")
    settings.EVENTS_STREAM_URL = cluster.dsn.replace("://", "://mute:secret@")

    with closing(open_stream()) as limited:
        refused = limited.refused_commands() or []

    assert any(complaint.startswith("PUBLISH tickets:appended: ") for complaint in refused)
