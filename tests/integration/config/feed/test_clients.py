"""Test clients of streams on a real web server: many, slow, disconnected, or no longer allowed."""

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Barrier

import httpx
import psutil
import pytest
from django.contrib.auth.models import User

from accounts.models import Token
from config.supervisord.ports import LOOPBACK
from events.stream.interface import Stream as EventStream
from tests.network.feed_server import (
    SETTINGS,
    Server,
    Stream,
    connections,
    headers,
    make,
    serving,
    streaming,
    write_some,
)
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_50_streams_of_one_process_get_all_events_in_order_and_cost_little(server: Server, token: str) -> None:
    assert httpx.get(f"{server.url}/api/events/", headers=headers(token)).is_success  # Loads what any request loads.
    [worker] = psutil.Process(server.process.pid).children()
    before = worker.memory_info().rss
    at_the_end = Barrier(51)
    with ThreadPoolExecutor(50) as pool:
        readers = [pool.submit(read_twenty, server, token, at_the_end=at_the_end) for _ in range(50)]
        write_some("a", 20)
        at_the_end.wait(PATIENCE_SECONDS)
        grown, threads = worker.memory_info().rss - before, worker.num_threads()
        at_the_end.wait(PATIENCE_SECONDS)
        found = [reader.result() for reader in readers]

    assert found == [list(range(1, 21))] * 50
    assert grown < 30_000_000
    assert threads < 40


def read_twenty(server: Server, token: str, *, at_the_end: Barrier) -> list[int]:
    with streaming(server, token) as response:
        arriving = Stream().read(response)
        found = [next(arriving)["position"] for _ in range(20)]
        at_the_end.wait(PATIENCE_SECONDS)
        at_the_end.wait(PATIENCE_SECONDS)  # The test measures their cost meanwhile.
    return found


def test_a_client_that_does_not_read_is_disconnected_and_resumes(server: Server, token: str) -> None:
    [worker] = psutil.Process(server.process.pid).children()
    with socket.socket() as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect((LOOPBACK, server.port))
        sleeper.sendall(
            f"GET /api/events/stream HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Token {token}\r\n\r\n".encode()
        )
        wait_until(lambda: b"retry" in sleeper.recv(1_000, socket.MSG_PEEK))
        before = worker.memory_info().rss
        make(*(f"large-{number}" for number in range(40)), note="x" * 500_000)
        wait_until(lambda: not connections(worker, server))
        grown = worker.memory_info().rss - before

        assert grown < 15_000_000  # The client did not read 20 MB.
    client = Stream()
    with streaming(server, token) as response:
        found = [event["position"] for event in islice(client.read(response), 40)]
    assert found == list(range(1, 41))


def test_a_disconnected_client_holds_no_resources(server: Server, token: str) -> None:
    for _ in range(2):
        with ThreadPoolExecutor(60) as pool:
            opened = list(pool.map(lambda _: open_socket(server, token), range(60)))
        statuses = {found.recv(100).split()[1] for found in opened}
        assert statuses == {b"200"}
        assert httpx.get(f"{server.url}/api/events/stream", headers=headers(token)).status_code == 503
        for found in opened:
            found.close()
        wait_until(
            lambda: httpx.get(f"{server.url}/api/events/?after=latest&wait=0.01", headers=headers(token)).is_success
        )


def open_socket(server: Server, token: str) -> socket.socket:
    found = socket.create_connection((LOOPBACK, server.port), timeout=PATIENCE_SECONDS)
    request = f"GET /api/events/stream HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Token {token}\r\n\r\n"
    found.sendall(request.encode())
    found.recv(1, socket.MSG_PEEK)
    return found


@pytest.mark.parametrize("loss", ["the permission", "the token", "the account"])
def test_a_client_that_loses_its_permission_is_disconnected(loss: str, server: Server, token: str) -> None:
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make("a")
        next(arriving)
        lose(loss)

        assert list(arriving) == []  # The stream ends.
    assert client.comments > 0
    status = httpx.get(f"{server.url}/api/events/stream", headers=headers(token)).status_code
    assert status == (403 if loss == "the permission" else 401)


def lose(what: str) -> None:
    if what == "the permission":
        User.objects.get().user_permissions.clear()
    elif what == "the token":
        Token.objects.all().delete()
    else:
        User.objects.update(is_active=False)


def test_sigterm_ends_the_process_with_open_streams(stream: EventStream, token: str) -> None:
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS) as server, streaming(server, token, "after=latest") as response:
        assert response.status_code == 200
        server.process.terminate()

        server.process.wait(PATIENCE_SECONDS)
