"""Clients that are silent, slow, endless, or gone attack a web process, alone and behind nginx as it is shipped."""

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from config.supervisord.ports import LOOPBACK, free_port
from tests.network.feed_server import Server, headers, reader_token, serving
from tests.network.hostile_clients import (
    CHUNK,
    POST,
    STRANGER,
    Attack,
    attacking,
    hangs_up,
    says_nothing,
    sends_a_body_slowly,
    sends_a_body_without_end,
    sends_most_of_a_large_body,
    sends_no_body,
)
from tests.network.nginx import FRONT, NGINX, running_nginx
from tests.waiting import PATIENCE_SECONDS, wait_until

REQUESTS_AT_ONCE = 8
MOST_THREADS = 2 * REQUESTS_AT_ONCE + 30
"""A request's thread is waited for by another one; the web server itself has some."""
MOST_BYTES = 300_000_000
HONEST_REQUESTS = 5
TLS = ssl.create_default_context()
"""It takes a while to make, and each request on a connection of its own would make one."""
LIMITS = {
    "WEB_REQUESTS_AT_ONCE": str(REQUESTS_AT_ONCE),
    "WEB_BODY_SECONDS": "2",
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": "2000",
}
TOO_LITTLE = {
    "nothing": b"",
    "half a header": b"GET / HTTP/1.1\r\nX-Header: ",
    "half a body": POST + b"Content-Length: 10\r\n\r\nx",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK[:100],
    "one request": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

ON_THE_PROCESS = (
    Attack(sends_no_body, 1_024),
    Attack(sends_most_of_a_large_body, 200),
    Attack(sends_a_body_without_end, 8),
    Attack(hangs_up, 40),
)
ON_NGINX = (Attack(says_nothing, 1_024), Attack(sends_a_body_slowly, 1_024), Attack(hangs_up, 40))
"""The benchmark `hostile_clients` has them all."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
behind_nginx = pytest.mark.skipif(NGINX is None, reason="tests/untried.py says so")


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock(), serving(**LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), server.port) as port:
        yield port


def expect_honest_requests_to_succeed(port: int, token: str) -> None:
    url = f"http://{LOOPBACK}:{port}"
    for _ in range(HONEST_REQUESTS):
        assert httpx.get(f"{url}/healthz", timeout=PATIENCE_SECONDS, verify=TLS).text == "alive"
        found = httpx.get(f"{url}/api/events/", timeout=PATIENCE_SECONDS, headers=headers(token), verify=TLS)
        assert found.status_code == HTTPStatus.OK


@pytest.mark.parametrize("attack", ON_THE_PROCESS, ids=str)
def test_honest_requests_succeed_and_the_process_stays_small(server: Server, attack: Attack) -> None:
    (worker,) = psutil.Process(server.process.pid).children()
    token = reader_token()

    with attacking(attack, server.port):
        wait_until(lambda: has_visitors(worker, server.port))
        expect_honest_requests_to_succeed(server.port, token)
        threads, size = worker.num_threads(), worker.memory_info().rss

    assert threads < MOST_THREADS
    assert size < MOST_BYTES


@behind_nginx
@pytest.mark.parametrize("attack", ON_NGINX, ids=str)
def test_behind_nginx_a_stranger_s_attack_harms_no_other_address(server: Server, proxy: int, attack: Attack) -> None:
    (worker,) = psutil.Process(server.process.pid).children()
    token = reader_token()

    with attacking(attack, proxy):
        expect_honest_requests_to_succeed(proxy, token)

    assert worker.num_threads() < MOST_THREADS


@pytest.mark.parametrize("sent", TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_a_connection_on_which_too_little_comes_is_closed(server: Server, sent: bytes) -> None:
    with socket.create_connection((LOOPBACK, server.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        while connection.recv(65_536):
            pass


def test_a_body_that_is_too_large_is_answered_although_its_client_sends_on(server: Server) -> None:
    refused = httpx.post(f"{server.url}/api/tickets/", content=(b"x" * 65_536 for _ in range(100)), verify=TLS)

    assert refused.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert refused.json()["detail"] == "The body is too large; send at most 1,000,000 bytes."


@behind_nginx
class TestNginx:
    def test_it_refuses_what_is_too_much_with_problems(self, proxy: int) -> None:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{proxy}", verify=TLS) as client:
            too_large = client.post("/api/tickets/", content=b"x" * 1_000_001)
            log_ins = [client.get("/log-in/") for _ in range(40)]

        assert (too_large.status_code, too_large.json()["status"]) == (413, 413)
        assert {answer.status_code for answer in log_ins} == {200, 429}
        refused = next(answer for answer in log_ins if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS)
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Retry-After"] == "5"

    @pytest.mark.parametrize("address", ["/", "/api/tickets/"])
    def test_while_the_web_server_is_away_browsers_get_a_page_and_others_a_problem(
        self, tmp_path: Path, address: str
    ) -> None:
        with running_nginx(tmp_path, free_port()) as port, httpx.Client(verify=TLS) as client:
            url = f"http://{LOOPBACK}:{port}{address}"
            browser, other = client.get(url, headers={"Accept": "text/html,*/*;q=0.8"}), client.get(url)

        assert (browser.status_code, other.status_code) == (503, 503)
        assert (browser.headers["Content-Type"], browser.headers["Retry-After"]) == ("text/html; charset=utf-8", "5")
        assert "<p>The service does not answer now; try again later." in browser.text
        assert "Der Dienst antwortet gerade nicht; versuchen Sie es später noch einmal." in browser.text
        assert (other.headers["Content-Type"], other.json()["status"]) == ("application/problem+json", 503)

    def test_it_replaces_what_a_stranger_says_of_where_the_request_comes_from(self, tmp_path: Path) -> None:
        forged = {
            "X-Forwarded-For": "10.0.0.1",
            "X-Forwarded-Proto": "https",
            "X-Request-ID": "abc-1",
            "Forwarded": "for=x",
        }
        application = "tests.network.echoing_application:application"
        with serving(application=application) as web, running_nginx(tmp_path, web.port) as port:
            url = f"http://{LOOPBACK}:{port}/"
            stranger, front = (told_from(address, url, forged) for address in (STRANGER, FRONT))

        told = ("x-forwarded-for", "x-forwarded-proto", "x-request-id", "forwarded")
        assert [stranger.get(name) for name in told] == [STRANGER, "http", "abc-1", None]
        assert [front.get(name) for name in told] == ["10.0.0.1", "https", "abc-1", None]


def told_from(address: str, url: str, forged: dict[str, str]) -> Any:
    """Return the headers that reach the web server when a client at the address sends these."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address, verify=TLS)) as client:
        return client.get(url, headers=forged).json()


def has_visitors(worker: psutil.Process, port: int) -> bool:
    return any(found.laddr.port == port and found.raddr for found in worker.net_connections("tcp"))
