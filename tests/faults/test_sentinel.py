"""Kill the master under load, so that sentinels promote its replica: nothing is lost, doubled or out of order.

The relay and the consumer are real processes that know only the sentinels.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK
from events.exceptions import StreamUnavailable
from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.stream.dsn import StreamDSN
from events.stream.redis_stream import RedisStream
from tests.faults.conftest import Start, kill
from tests.faults.roles import at
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.network.redis_servers import VALKEY, SentinelServer, Server, running, running_sentinels, running_server
from tests.processes import running as running_process
from tests.waiting import wait_until

PASSWORD, SENTINELS_PASSWORD = "secret-of-the-master", "secret-of-the-sentinels"
WRITERS = 2


class Deployment(NamedTuple):
    master: Server
    replica: Server
    sentinels: list[SentinelServer]

    @property
    def dsn(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/tickets?sentinel_password={SENTINELS_PASSWORD}"


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Server]:
    with running_server(VALKEY, tmp_path / "master", password=PASSWORD) as master:
        yield master


@pytest.fixture
def deployment(master: Server, tmp_path: Path) -> Iterator[Deployment]:
    with running_server(VALKEY, tmp_path / "replica", password=PASSWORD) as replica:
        replica.client.replicaof(LOOPBACK, master.port)
        wait_until(lambda: replica.client.info("replication")["master_link_status"] == "up")
        with running_sentinels(tmp_path, master, password=SENTINELS_PASSWORD) as sentinels:
            yield Deployment(master, replica, sentinels)


@pytest.fixture
def stream(deployment: Deployment) -> Iterator[RedisStream]:
    with closing(RedisStream(StreamDSN.parse(deployment.dsn))) as stream:
        yield stream


@pytest.fixture
def processes(deployment: Deployment, elasticsearch: Elasticsearch, start: Start) -> Iterator[list[Popen[str]]]:
    """Run the relay and the consumer."""
    commands = (["relay_events"], ["consume_events", "readmodel", "--consumer", "one"])
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_process("manage.py", *command, EVENT_STREAM_URL=deployment.dsn))
            for command in commands
        ]


def knows_all(sentinel: SentinelServer) -> bool:
    state = sentinel.state()
    return (state["num-other-sentinels"], state["num-slaves"]) == (2, 1)


def handled_to() -> int:
    return min(Checkpoint.objects.filter(group="readmodel").values_list("position", flat=True), default=0)


def pending_on(server: Server) -> list[int]:
    """Return how many entries are pending, by group."""
    return [group["pending"] for group in server.client.xinfo_groups("tickets")]


def in_step(deployment: Deployment) -> None:
    """Kill the master while its replica is up to date, or nearly."""


def behind(deployment: Deployment) -> None:
    """Kill the master while its replica lacks entries that the group has handled."""
    replica = deployment.replica
    replica.client.config_set("masterauth", "wrong")
    deployment.master.client.client_kill_filter(_type="replica")
    lacks_from = replica.client.xlen("tickets")
    wait_until(lambda: handled_to() > lacks_from + 20)
    assert replica.client.xlen("tickets") == lacks_from


@pytest.mark.parametrize("how", [in_step, behind])
def test_a_fail_over_under_load_loses_nothing(
    how: Callable[[Deployment], None],
    deployment: Deployment,
    stream: RedisStream,
    start: Start,
    processes: list[Popen[str]],
    elasticsearch: Elasticsearch,
    settings: Settings,
) -> None:
    writers = [start(at, deployment.dsn, "write") for _ in range(WRITERS)]
    wait_until(lambda: all(map(knows_all, deployment.sentinels)))
    wait_until(lambda: handled_to() > 20)
    how(deployment)
    deployment.master.stop()
    reached = handled_to()

    # Ask the sentinels, not the replica: a promoted replica closes its clients' connections.
    wait_until(lambda: deployment.sentinels[0].state()["port"] == deployment.replica.port)
    wait_until(lambda: handled_to() > reached + 20)
    for writer in writers:
        assert writer.is_alive()
        kill(writer)
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
    wait_until(lambda: handled_to() == last_position(0))
    wait_until(lambda: pending_on(deployment.replica) == [0])
    wait_until(lambda: stream.tail(0).position == last_position(0))  # Consumers read the log before the relay is back.

    assert [process.poll() for process in processes] == [None, None]
    assert_every_position_is_there_once_in_order(stream)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def assert_every_position_is_there_once_in_order(stream: RedisStream) -> None:
    entries = stream.entries(0, after="0", count=1_000_000)
    sent = [(entry.envelope.position, entry.envelope.id) for entry in entries if entry.envelope]
    assert sent == list(LogEntry.objects.order_by("place__position").values_list("place__position", "event_id"))
    assert [position for position, _ in sent] == list(range(1, len(sent) + 1))


@pytest.mark.django_db
def test_connections_to_a_silently_demoted_master_are_replaced(master: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(running_server(VALKEY, tmp_path / "other", password=PASSWORD))
        sentinel = SentinelServer(tmp_path / "sentinel", master.port, master_password=PASSWORD)
        stack.enter_context(running(sentinel))
        dsn = StreamDSN.parse(f"redis+sentinel://:{PASSWORD}@{LOOPBACK}:{sentinel.port}/tickets")
        stream = stack.enter_context(closing(RedisStream(dsn)))
        stream.tail(0)

        sentinel.client.sentinel_remove("mymaster")
        sentinel.client.sentinel_monitor("mymaster", LOOPBACK, other.port, 1)
        sentinel.client.sentinel_set("mymaster", "auth-pass", PASSWORD)
        master.client.config_set("replica-serve-stale-data", "no")
        master.client.replicaof(LOOPBACK, 1)
        with pytest.raises(StreamUnavailable):
            stream.tail(0)

        stream.create_group(0, "readmodel", after=0)
        assert other.client.exists("tickets")


@pytest.mark.django_db
def test_silent_sentinels_cost_one_time_out(master: Server, tmp_path: Path) -> None:
    sentinel = SentinelServer(tmp_path / "sentinel", master.port, master_password=PASSWORD)
    with running(sentinel), socket.create_server((LOOPBACK, 0)) as silent:
        hosts = f"{LOOPBACK}:{silent.getsockname()[1]},{LOOPBACK}:{sentinel.port}"
        dsn = StreamDSN.parse(f"redis+sentinel://:{PASSWORD}@{hosts}/tickets?read_timeout=0.5")
        with closing(RedisStream(dsn)) as stream:
            for _ in range(5):
                stream.ping()
                stream._client.connection_pool.disconnect()

        assert waiting_clients(silent) == 1


def waiting_clients(server: socket.socket) -> int:
    """Count the connections to a server that accepts none, including abandoned ones."""
    found = 0
    server.settimeout(0)
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            found += 1
    return found


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("redis+sentinel://127.0.0.1:1/tickets", "'mymaster': Error 111 connecting to 127.0.0.1:1"),
        ("redis+sentinel://:{password}@{sentinel}/tickets?sentinel_master=other", "it watches no such master"),
        ("redis+sentinel://:{password}@{sentinel}/tickets?sentinel_password=wrong-secret", "names the master"),
        ("redis+sentinel://:wrong-secret@{sentinel}/tickets", "invalid username-password pair"),
    ],
)
def test_an_unknown_master_is_an_outage(dsn: str, reason: str, master: Server, tmp_path: Path) -> None:
    sentinel = SentinelServer(tmp_path / "sentinel", master.port, master_password=PASSWORD)
    with running(sentinel):
        url = dsn.format(password=PASSWORD, sentinel=f"{LOOPBACK}:{sentinel.port}")
        with closing(RedisStream(StreamDSN.parse(url))) as stream, pytest.raises(StreamUnavailable) as raised:
            stream.ping()

    assert reason in str(raised.value)
    assert "secret" not in str(raised.value)
