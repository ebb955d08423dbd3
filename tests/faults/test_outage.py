"""Take Redis away from running processes in every way: no request fails or waits long, and all recovers."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from elasticsearch import Elasticsearch
from pytest_django import Settings
from rest_framework.test import APIClient

from events.exceptions import StreamUnavailable
from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream, open_stream
from tests.faults.conftest import Start
from tests.faults.roles import at
from tests.faults.test_torment import assert_the_stream_is_a_window_on_the_log
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.integration.events.relay.test_outage import issue
from tests.network.proxy import Proxy, running_proxy
from tests.network.redis_servers import BINARIES, Server, running_server
from tests.waiting import wait_until

TIMEOUT_SECONDS = 1.0
REQUESTS = 12
LOADED_KEYS, KEYS_AT_ONCE = 200_000, 10_000
SET_KEYS = "for number = ARGV[1], ARGV[2] do redis.call('SET', 'key-' .. number, '') end"
MICROSECONDS_PER_LOADED_KEY = 250
NOBODY = ("127.0.0.1", 1)

type Outage = Callable[[Server], Iterator[None]]


def down(server: Server) -> Iterator[None]:
    server.stop()
    yield
    server.start()


def silent(server: Server) -> Iterator[None]:
    server.process.send_signal(signal.SIGSTOP)
    yield
    server.process.send_signal(signal.SIGCONT)


def loading(server: Server) -> Iterator[None]:
    for first in range(0, LOADED_KEYS, KEYS_AT_ONCE):
        server.client.eval(SET_KEYS, 0, first + 1, first + KEYS_AT_ONCE)
    server.stop()
    server.start("--key-load-delay", str(MICROSECONDS_PER_LOADED_KEY), until_ready=False)
    wait_until(lambda: "loading" in server.error_of_ping())
    yield
    assert "loading" in server.error_of_ping()
    server.stop()
    server.start()


def out_of_memory(server: Server) -> Iterator[None]:
    server.client.config_set("maxmemory", 1)
    yield
    server.client.config_set("maxmemory", 0)


def read_only(server: Server) -> Iterator[None]:
    server.client.replicaof(*NOBODY)
    yield
    server.client.replicaof("NO", "ONE")


def without_its_master(server: Server) -> Iterator[None]:
    server.client.config_set("replica-serve-stale-data", "no")
    yield from read_only(server)


def without_replicas(server: Server) -> Iterator[None]:
    server.client.config_set("min-replicas-to-write", 1)
    yield
    server.client.config_set("min-replicas-to-write", 0)


OUTAGES: list[Outage] = [down, silent, loading, out_of_memory, read_only, without_its_master, without_replicas]


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running_server(BINARIES[request.param], tmp_path / "server") as server:
        yield server


@pytest.fixture
def proxy(server: Server, settings: Settings) -> Iterator[Proxy]:
    """A proxy whose address the processes know, whichever server is behind it."""
    with running_proxy(("127.0.0.1", server.port)) as proxy:
        settings.EVENTS_STREAM_URL = f"redis://{proxy.address}/tickets"
        settings.EVENTS_FLUSH_TIMEOUT_SECONDS = TIMEOUT_SECONDS
        yield proxy


@pytest.fixture(autouse=True)
def _breaker_that_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the breaker open for the whole test, however slow the machine is."""
    monkeypatch.setattr(relay.breaker, "_recovery_timeout", 600)


@pytest.fixture
def processes(proxy: Proxy, start: Start) -> None:
    start(at, f"redis://{proxy.address}/tickets", "relay")
    start(at, f"redis://{proxy.address}/tickets", "consume")


@pytest.fixture
def client(transactional_db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("admin"))
    return client


@pytest.fixture
def stream(proxy: Proxy) -> Iterator[Stream]:
    stream = open_stream()
    yield stream
    stream.close()


def wait_until_all_is_handled(stream: Stream) -> None:
    last = LogEntry.objects.count()
    wait_until(lambda: last_position(0) == last)
    wait_until(lambda: end_of(stream) == last)
    wait_until(lambda: set(Checkpoint.objects.values_list("position", flat=True)) == {last})


def end_of(stream: Stream) -> int:
    """Return the stream's last position, 0 while the connection to a dead server has not been replaced yet."""
    with suppress(StreamUnavailable):
        return stream.tail(0).position
    return 0


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_fails_no_request_and_recovery_needs_no_help(
    outage: Outage,
    server: Server,
    client: APIClient,
    stream: Stream,
    elasticsearch: Elasticsearch,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issue(client)
    wait_until_all_is_handled(stream)
    relay.breaker.reset()
    caplog.clear()

    with contextmanager(outage)(server):
        for _ in range(REQUESTS):
            issue(client)

    # The breaker spares the others the time-out; a request that meets a busy relay also sends nothing.
    assert 3 <= caplog.text.count("the flush is left to the relay") < REQUESTS

    wait_until_all_is_handled(stream)
    assert stream.length(0) == LogEntry.objects.count() == REQUESTS + 1
    assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


@pytest.mark.usefixtures("processes")
def test_a_fail_over_that_loses_the_last_entries_is_repaired(
    server: Server,
    proxy: Proxy,
    client: APIClient,
    stream: Stream,
    elasticsearch: Elasticsearch,
    settings: Settings,
    tmp_path: Path,
) -> None:
    with running_server(server.binary, tmp_path / "replica") as replica:
        replica.client.replicaof("127.0.0.1", server.port)
        issue(client)
        wait_until_all_is_handled(stream)
        wait_until(lambda: replica.client.xlen("tickets") == 1)
        replica.client.replicaof("NO", "ONE")  # From here on the replica is behind.
        for _ in range(3):
            issue(client)
        wait_until_all_is_handled(stream)

        proxy.upstream = ("127.0.0.1", replica.port)
        server.stop()
        wait_until_all_is_handled(stream)
        issue(client)
        wait_until_all_is_handled(stream)

        assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["1-0", "2-0", "3-0", "4-0", "5-0"]
        assert_the_stream_is_a_window_on_the_log(stream, compacted_to=0)
        assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


@pytest.mark.usefixtures("processes")
def test_a_wipe_at_rest_is_repaired_without_a_request(client: APIClient, stream: Stream, server: Server) -> None:
    for _ in range(3):
        issue(client)
    wait_until_all_is_handled(stream)

    server.client.flushall()

    wait_until(lambda: stream.length(0) == 3)
    wait_until(lambda: [group["name"] for group in server.client.xinfo_groups("tickets")] == ["readmodel"])
