"""A cluster of one node: forms of its URL, and what is said if something is wrong with it."""

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK, free_port
from events.exceptions import StreamUnavailable
from events.operations.doctor import examine
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream
from events.stream.redis_stream import RedisStream
from events.stream.tail import EMPTY
from tests.network.redis_cluster import SLOTS, Node
from tests.network.redis_servers import VALKEY, Server, running, running_server
from tests.network.tls_proxy import running_tls_proxy
from tests.things import envelope_at
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

IPV6 = "::1"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(VALKEY, tmp_path_factory.mktemp("node"))
    node.addresses = [LOOPBACK, IPV6]
    with running(node):
        node.command("ADDSLOTSRANGE", 0, SLOTS - 1)
        wait_until(lambda: node.is_ok)
        yield node


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def _empty(node: Node) -> Iterator[None]:
    node.client.flushall()
    yield
    node.announce()


@contextmanager
def stream_at(url: str) -> Iterator[Stream]:
    with closing(RedisStream.of(StreamDSN.parse(url), timeout_seconds=5)) as stream:
        yield stream


def assert_it_works(url: str, node: Node) -> None:
    with stream_at(url) as stream:
        stream.append(0, EMPTY, [envelope_at(1)])
        stream.wait_for_wake(0.01)
        stream.wake()
        stream.wait_for_wake(5)
    assert node.client.xlen("tickets") == 1


def error_at(url: str) -> StreamUnavailable:
    with stream_at(url) as stream, pytest.raises(StreamUnavailable) as raised:
        stream.tail(0)
    return raised.value


class TestURL:
    """Where the nodes are."""

    def test_by_ipv6(self, node: Node) -> None:
        assert_it_works(f"redis+cluster://[{IPV6}]:{node.port}/tickets", node)

    def test_of_nodes_that_announce_an_address_of_ipv6(self, node: Node) -> None:
        node.announce(cluster_announce_ip=IPV6)

        assert_it_works(f"redis+cluster://{LOOPBACK}:{node.port}/tickets", node)

    def test_of_nodes_that_announce_a_name(self, node: Node) -> None:
        node.announce(cluster_announce_hostname="localhost", cluster_preferred_endpoint_type="hostname")

        assert_it_works(f"redis+cluster://{LOOPBACK}:{node.port}/tickets", node)

    def test_of_nodes_that_do_not_say_where_they_are(self, node: Node) -> None:
        node.announce(cluster_preferred_endpoint_type="hostname")

        error = error_at(f"redis+cluster://{LOOPBACK}:{node.port}/tickets")

        assert f"connecting to ?:{node.port}" in error.found
        assert error.remedy == "set cluster-preferred-endpoint-type to ip on all nodes, or let each announce its name"


class TestTLS:
    """The nodes announce the ports of their TLS."""

    @pytest.fixture
    def port(self, node: Node, authority: trustme.CA) -> Iterator[int]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(LOOPBACK).configure_cert(context)
        with running_tls_proxy(node.port, context) as port:
            node.announce(cluster_announce_ip=LOOPBACK, cluster_announce_port=port)
            yield port

    def test_of_a_known_authority(self, node: Node, authority: trustme.CA, port: int) -> None:
        with authority.cert_pem.tempfile() as file:
            assert_it_works(f"rediss+cluster://{LOOPBACK}:{port}/tickets?ssl[cafile]={file}", node)

    def test_of_another_one(self, port: int) -> None:
        with trustme.CA().cert_pem.tempfile() as file:
            error = error_at(f"rediss+cluster://{LOOPBACK}:{port}/tickets?ssl[cafile]={file}")

        assert error.found.startswith("Redis does not answer: no node of the cluster can be asked, the last one: ")
        assert error.found.count("CERTIFICATE_VERIFY_FAILED") == 1
        assert error.remedy.startswith("let ssl[cafile] in EVENT_STREAM_URL name the certificate's authority")


class TestErrors:
    """Each says what to do."""

    def test_a_single_server_is_no_cluster(self, tmp_path: Path) -> None:
        with running_server(VALKEY, tmp_path / "single") as single:
            error = error_at(f"redis+cluster://{LOOPBACK}:{single.port}/tickets")

        assert error.remedy == "let EVENT_STREAM_URL begin with redis:// or rediss://"

    def test_a_cluster_is_no_single_server(self, node: Node, settings: Settings) -> None:
        """It is not found by commands for one key: this node has all of them."""
        with stream_at(f"redis://{LOOPBACK}:{node.port}/tickets") as stream:
            faults = {found.about: found.remedy for found in examine(stream)}
            with pytest.raises(StreamUnavailable) as raised:
                stream.read("group", "reader", [0, 1], count=1, block_seconds=0)

        remedy = "let EVENT_STREAM_URL begin with redis+cluster:// or rediss+cluster://"
        assert faults["Redis's role"] == remedy
        assert raised.value.remedy == remedy

    def test_no_node_answers(self) -> None:
        ports = free_port(), free_port()
        error = error_at(f"redis+cluster://{','.join(f'{LOOPBACK}:{port}' for port in ports)}/tickets")

        assert any(f"connecting to {LOOPBACK}:{port}. Connection refused" in error.found for port in ports)

    def test_a_user_who_may_not_ask_for_the_slots(self, node: Node) -> None:
        node.client.execute_command("ACL", "SETUSER", "few", "reset", "on", ">secret", "allkeys", "+@all", "-cluster")

        error = error_at(f"redis+cluster://few:secret@{LOOPBACK}:{node.port}/tickets")

        assert "has no permissions to run the 'cluster|slots' command" in error.found

    @pytest.mark.parametrize("full_coverage", ["yes", "no"])
    def test_a_slot_without_a_master(self, node: Node, full_coverage: str) -> None:
        slot = node.client.execute_command("CLUSTER", "KEYSLOT", "tickets")
        node.client.config_set("cluster-require-full-coverage", full_coverage)
        node.command("DELSLOTS", slot)

        error = error_at(f"redis+cluster://{LOOPBACK}:{node.port}/tickets")

        node.client.config_set("cluster-require-full-coverage", "yes")
        node.command("ADDSLOTS", slot)
        wait_until(lambda: node.is_ok)
        assert "CLUSTERDOWN" in error.found
        assert error.remedy.startswith("start the nodes that are away, or give each slot a master")


def test_a_single_server_by_ipv6(tmp_path: Path) -> None:
    server = Server(VALKEY, tmp_path / "server")
    server.addresses = [IPV6]
    server.client = server.client_at(IPV6)
    with running(server), stream_at(f"redis://[{IPV6}]:{server.port}/tickets") as stream:
        assert stream.append(0, EMPTY, [envelope_at(1)]).position == 1
