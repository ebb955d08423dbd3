"""Each form of the stream's DSN on real servers: accounts, databases, unix sockets, TLS and time-outs."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from config.supervisord.ports import LOOPBACK
from events.exceptions import StreamUnavailable
from events.stream.dsn import StreamDSN
from events.stream.interface import TIMEOUT_SECONDS
from events.stream.redis_stream import RedisStream
from events.stream.tail import EMPTY
from tests.network.proxy import running_proxy
from tests.network.redis_servers import VALKEY, SentinelServer, Server, running, running_server
from tests.network.tls_proxy import running_tls_proxy
from tests.things import envelope_at

pytestmark = pytest.mark.django_db

PASSWORD = "pa/ss@wörd:%"
ENCODED = "pa%2Fss%40w%C3%B6rd%3A%25"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(VALKEY, tmp_path_factory.mktemp("valkey"), password=PASSWORD) as server:
        server.client.acl_setuser(
            "dora", enabled=True, passwords=[f"+{PASSWORD}"], keys="*", channels="*", categories=["+@all"]
        )
        yield server


@pytest.fixture(autouse=True)
def _empty(server: Server) -> None:
    server.client.flushall()


@contextmanager
def stream_at(url: str) -> Iterator[RedisStream]:
    with closing(RedisStream(StreamDSN.parse(url))) as stream:
        yield stream


def assert_it_works(url: str, server: Server, *, database: int = 0) -> None:
    with stream_at(url) as stream:
        stream.append(0, EMPTY, [envelope_at(1)])
        stream.wait_for_wake(0.01)
        stream.wake()

        assert [entry.id for entry in stream.entries(0, after="0", count=2)] == ["1-0"]
    server.client.select(database)
    assert server.client.xlen("tickets") == 1
    server.client.select(0)


def error_at(url: str) -> str:
    with stream_at(url) as stream, pytest.raises(StreamUnavailable) as raised:
        stream.ping()
    return str(raised.value)


class TestAccount:
    def test_a_password(self, server: Server) -> None:
        assert_it_works(f"redis://:{ENCODED}@{LOOPBACK}:{server.port}/tickets", server)

    def test_a_user(self, server: Server) -> None:
        assert_it_works(f"redis://dora:{ENCODED}@{LOOPBACK}:{server.port}/tickets", server)

    def test_a_database(self, server: Server) -> None:
        assert_it_works(f"redis://:{ENCODED}@{LOOPBACK}:{server.port}/tickets?dbindex=3", server, database=3)

    def test_a_unix_socket(self, server: Server) -> None:
        assert_it_works(f"unix://:{ENCODED}@{server.socket}?stream=tickets", server)
        assert_it_works(f"unix://dora:{ENCODED}@{server.socket}?stream=tickets&dbindex=3", server, database=3)

    @pytest.mark.parametrize("account", ["", ":wrong%20secret@", "dora:wrong%20secret@", f"nobody:{ENCODED}@"])
    def test_wrong_credentials_are_an_outage_that_shows_no_password(self, account: str, server: Server) -> None:
        error = error_at(f"redis://{account}{LOOPBACK}:{server.port}/tickets")

        assert error.startswith("Redis refused: ")
        assert "secret" not in error
        assert PASSWORD not in error


class TestTimeOuts:
    def test_of_the_answer(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as silent:
            started = time.monotonic()
            error_at(f"redis://{LOOPBACK}:{silent.getsockname()[1]}/tickets?read_timeout=0.2")

            assert 0.2 <= time.monotonic() - started < TIMEOUT_SECONDS  # That is the default.

    def test_of_the_connection(self) -> None:
        with socket.create_server((LOOPBACK, 0), backlog=0) as full, ExitStack() as stack:
            for _ in range(2):
                waiting = stack.enter_context(socket.socket())
                waiting.settimeout(0)
                waiting.connect_ex(full.getsockname())
            started = time.monotonic()
            error_at(f"redis://{LOOPBACK}:{full.getsockname()[1]}/tickets?timeout=0.2")

            assert 0.2 <= time.monotonic() - started < TIMEOUT_SECONDS  # That is the default.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the certificates of the authority and the client, and the client's key, plain and encrypted."""
    folder = tmp_path_factory.mktemp("certificates")
    client = authority.issue_cert("client@example.org")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    client.private_key_pem.write_to_path(str(folder / "key.pem"))
    key = load_pem_private_key(client.private_key_pem.bytes(), password=None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (folder / "encrypted.pem").write_bytes(encrypted)
    return folder


type Url = Callable[..., str]


@contextmanager
def encrypted(port: int, authority: trustme.CA, *, name: str = LOOPBACK, wants_client: bool = False) -> Iterator[int]:
    """Put TLS in front of the port, with a certificate for the name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    with running_tls_proxy(port, context) as encrypted_port:
        yield encrypted_port


def url(port: int, **options: object) -> str:
    query = "&".join(f"ssl[{name}]={value}" for name, value in options.items())
    return f"rediss://:{ENCODED}@{LOOPBACK}:{port}/tickets?{query}"


class TestTLS:
    def test_of_a_known_authority(self, server: Server, authority: trustme.CA, files: Path) -> None:
        with encrypted(server.port, authority) as port:
            assert_it_works(url(port, cafile=files / "authority.pem"), server)

    def test_of_an_unknown_one(self, server: Server, authority: trustme.CA) -> None:
        with encrypted(server.port, authority) as port:
            assert "CERTIFICATE_VERIFY_FAILED" in error_at(url(port))
            assert_it_works(url(port, verify_peer="false"), server)

    def test_without_an_account(self, authority: trustme.CA, files: Path, tmp_path: Path) -> None:
        with running_server(VALKEY, tmp_path / "open") as server, encrypted(server.port, authority) as port:
            for _ in range(
                8
            ):  # Session tickets, which arrive just after the handshake, must not look like an unread answer.
                with stream_at(f"rediss://{LOOPBACK}:{port}?ssl[cafile]={files / 'authority.pem'}") as stream:
                    stream.ping()

    def test_for_another_host(self, server: Server, authority: trustme.CA, files: Path) -> None:
        with encrypted(server.port, authority, name="other.example.org") as port:
            known = {"cafile": files / "authority.pem"}
            assert "IP address mismatch" in error_at(url(port, **known))
            assert_it_works(url(port, **known, verify_peer_name="false"), server)

    def test_with_a_client_s_certificate(self, server: Server, authority: trustme.CA, files: Path) -> None:
        with encrypted(server.port, authority, wants_client=True) as port:
            known = {"cafile": files / "authority.pem"}
            certified = known | {"local_cert": files / "client.pem"}
            error_at(url(port, **known))
            assert_it_works(url(port, **certified, local_pk=files / "key.pem"), server)

    def test_with_an_encrypted_key(self, server: Server, authority: trustme.CA, files: Path) -> None:
        with encrypted(server.port, authority, wants_client=True) as port:
            options = {"cafile": files / "authority.pem", "local_cert": files / "client.pem"}
            options |= {"local_pk": files / "encrypted.pem"}
            assert_it_works(url(port, **options, passphrase=ENCODED), server)
            assert PASSWORD not in error_at(url(port, **options, passphrase=f"{ENCODED}no"))
            error_at(url(port, **options))  # And OpenSSL does not ask for it at the terminal.

    def test_of_the_sentinels_and_of_the_master(
        self, server: Server, authority: trustme.CA, files: Path, tmp_path: Path
    ) -> None:
        with ExitStack() as stack:
            master_port = stack.enter_context(encrypted(server.port, authority))
            # It can't speak TLS to the master, but takes it for well until it has not heard from it for a while.
            sentinel = SentinelServer(tmp_path / "sentinel", master_port)
            stack.enter_context(running(sentinel))
            sentinel.client.sentinel_set("mymaster", "down-after-milliseconds", 600_000)
            port = stack.enter_context(encrypted(sentinel.port, authority))
            by_sentinel = url(port, cafile=files / "authority.pem").replace("rediss:", "rediss+sentinel:")

            assert_it_works(by_sentinel, server)


class TestADemotedMaster:
    """The host's name points to another server, but the connection is still to the old one."""

    def test_is_left(self, server: Server, tmp_path: Path) -> None:
        with ExitStack() as stack:
            old = stack.enter_context(running_server(VALKEY, tmp_path / "old", password=PASSWORD))
            proxy = stack.enter_context(running_proxy((LOOPBACK, old.port)))
            stream = stack.enter_context(stream_at(f"redis://:{ENCODED}@{proxy.address}/tickets"))
            stream.tail(0)
            demote(old)
            proxy.upstream = (LOOPBACK, server.port)
            with pytest.raises(StreamUnavailable):
                stream.tail(0)

            assert stream.append(0, EMPTY, [envelope_at(1)]).position == 1
        assert server.client.xlen("tickets") == 1


def demote(server: Server) -> None:
    """Make it a replica of no server, without cutting its clients' connections; it refuses even reads."""
    server.client.config_set("replica-serve-stale-data", "no")
    server.client.replicaof(LOOPBACK, 1)
