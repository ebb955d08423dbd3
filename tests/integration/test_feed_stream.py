"""The events over HTTP, by a real web server: streams that end and go on, clients that sleep, servers that fail."""

import json
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

import httpx
import psutil
import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.authtoken.models import Token

from config.ports import LOOPBACK
from events import record, unit_of_work
from events.models import LogEntry, Partition
from events.relay import sweep
from events.stream import Stream as EventStream
from tests.feed_server import Server, Stream, headers, reader_token, serving
from tests.things import ThingMade, ThingMoved
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS = "tests.feed_settings"


@pytest.fixture(scope="module")
def shared_server(django_db_setup: None) -> Iterator[Server]:
    """It starts for some seconds; each test has a database of its own all the same."""
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS) as server:
        yield server


@pytest.fixture
def server(shared_server: Server, stream: EventStream) -> Server:
    return shared_server


@pytest.fixture
def token() -> str:
    return reader_token()


def make(*names: str, note: str = "") -> None:
    for name in names:
        with unit_of_work():
            record(ThingMade(name=name, note=note))


@contextmanager
def streaming(server: Server, token: str, query: str = "", **more: str) -> Iterator[httpx.Response]:
    url = f"{server.url}/api/events/stream?{query}"
    with httpx.stream("GET", url, headers=headers(token, **more), timeout=20) as response:
        yield response


def test_it_sends_what_is_there_and_what_comes(server: Server, token: str) -> None:
    make("a", "b")
    client = Stream()
    with streaming(server, token, Accept="text/event-stream") as response:
        arriving = client.read(response)
        found = [next(arriving)["subject"] for _ in "ab"]
        make("c")
        found.append(next(arriving)["subject"])

    assert found == ["a", "b", "c"]
    assert [event["position"] for event in client.events] == [1, 2, 3]
    assert client.events[0]["data"] == {"name": "a", "version": 1, "note": ""}
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_from_now_on_and_of_some_kinds_only(server: Server, token: str) -> None:
    make("a")
    client = Stream()
    with streaming(server, token, "after=latest&type=thing.moved&subject=b&subject=c") as response:
        arriving = client.read(response)
        make("b", "c", "d")
        with unit_of_work():
            record(*(ThingMoved(name=name, version=2) for name in "adcb"))
        found = [next(arriving)["subject"] for _ in "bc"]

    assert found == ["c", "b"]


def test_a_stream_that_is_broken_off_again_and_again_loses_and_repeats_nothing(server: Server, token: str) -> None:
    """Two writers write meanwhile, and the client is behind at times, so that it has to join what is live."""
    chance = random.Random(7)
    client = Stream()
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_some, name, 150) for name in "ab"]
        while len(client.events) < 300:
            with streaming(server, token, **{"Last-Event-ID": client.last_id}) as response:
                arriving = client.read(response)
                for _ in range(min(chance.randrange(40), 300 - len(client.events))):
                    next(arriving)
        for writer in writers:
            writer.result()

    assert [event["position"] for event in client.events] == list(range(1, 301))
    assert [event["id"] for event in client.events] == in_the_log()


def write_some(name: str, count: int) -> None:
    for number in range(count):
        make(f"{name}{number}")


def in_the_log() -> list[str]:
    return [str(found) for found in LogEntry.objects.order_by("position").values_list("event_id", flat=True)]


def test_50_streams_of_one_process_get_all_in_order_and_cost_little(server: Server, token: str) -> None:
    [worker] = psutil.Process(server.process.pid).children()
    with ThreadPoolExecutor(50) as pool:
        before = worker.memory_info().rss
        readers = [pool.submit(read_twenty, server, token) for _ in range(50)]
        wait_until(lambda: connections(worker, server) >= 50, within_seconds=30)
        write_some("a", 20)
        found = [reader.result() for reader in readers]

    assert found == [list(range(1, 21))] * 50
    assert worker.memory_info().rss - before < 30_000_000
    assert worker.num_threads() < 40


def read_twenty(server: Server, token: str) -> list[int]:
    with streaming(server, token) as response:
        arriving = Stream().read(response)
        return [next(arriving)["position"] for _ in range(20)]


def connections(worker: psutil.Process, server: Server) -> int:
    return sum(found.laddr.port == server.port and bool(found.raddr) for found in worker.net_connections("tcp"))


def test_a_client_that_does_not_read_is_cut_off_and_resumes(server: Server, token: str) -> None:
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
        wait_until(lambda: not connections(worker, server), within_seconds=20)
        grown = worker.memory_info().rss - before

        assert grown < 15_000_000  # Of 20 MB that it did not read.
    client = Stream()
    with streaming(server, token) as response:
        found = [event["position"] for event in islice(client.read(response), 40)]
    assert found == list(range(1, 41))


def test_a_client_that_has_hung_up_is_forgotten(server: Server, token: str) -> None:
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
    found = socket.create_connection((LOOPBACK, server.port), timeout=20)
    request = f"GET /api/events/stream HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Token {token}\r\n\r\n"
    found.sendall(request.encode())
    found.recv(1, socket.MSG_PEEK)
    return found


@pytest.mark.parametrize("loss", ["the permission", "the token", "the account"])
def test_who_may_not_read_any_more_is_cut_off(loss: str, server: Server, token: str) -> None:
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make("a")
        next(arriving)
        lose(loss)

        assert list(arriving) == []  # It ends.
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


def test_without_redis_it_goes_on_from_the_log(stream: EventStream, token: str) -> None:
    nobody = "redis://127.0.0.1:1/tickets"
    client = Stream()
    with (
        serving(DJANGO_SETTINGS_MODULE=SETTINGS, EVENT_STREAM_URL=nobody) as server,
        streaming(server, token) as response,
    ):
        arriving = client.read(response)
        make("a")
        first = next(arriving)
        make("b")
        second = next(arriving)

    assert [first["subject"], second["subject"]] == ["a", "b"]


def test_a_wiped_or_foreign_stream_is_not_believed(server: Server, token: str, stream: EventStream) -> None:
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make("a")
        assert next(arriving)["subject"] == "a"
        stream._client.flushall()
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"})
        make("b")
        assert next(arriving)["subject"] == "b"

    assert len(client.events) == 2


def test_a_log_that_was_restored_ends_the_stream_and_refuses_its_cursor(server: Server, token: str) -> None:
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make("a", "b")
        found = [next(arriving)["subject"] for _ in "ab"]
        LogEntry.objects.filter(subject="b").delete()
        Partition.objects.update(last_position=1)

        assert list(arriving) == []
    answer = httpx.get(f"{server.url}/api/events/stream", headers=headers(token, **{"Last-Event-ID": client.last_id}))

    assert found == ["a", "b"]
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:cursor-ahead")


def test_sigterm_ends_the_process_with_open_streams(stream: EventStream, token: str) -> None:
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS) as server, streaming(server, token, "after=latest") as response:
        assert response.status_code == 200
        started = time.monotonic()
        server.process.terminate()
        try:
            server.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            pytest.fail("it does not end")

    assert time.monotonic() - started < 10


def test_a_waiting_reader_gets_the_next_event_as_soon_as_it_is_there(server: Server, token: str) -> None:
    def wait(query: str) -> tuple[float, httpx.Response]:
        started = time.monotonic()
        answer = httpx.get(f"{server.url}/api/events/?after=latest&{query}", headers=headers(token), timeout=40)
        return time.monotonic() - started, answer

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait, "wait=30&subject=b")
        [worker] = psutil.Process(server.process.pid).children()
        wait_until(lambda: connections(worker, server))
        seconds_of_empty_one, empty = wait("wait=0.5&subject=c")
        make("a", "b")
        seconds, answer = waiting.result()

    assert [event["subject"] for event in answer.json()["events"]] == ["b"]
    assert seconds < 10
    assert empty.json()["events"] == []
    assert seconds_of_empty_one >= 0.5


def test_pages_are_exact_while_others_write(server: Server, token: str) -> None:
    chance = random.Random(3)
    found: list[str] = []
    after = ""
    with ThreadPoolExecutor(3) as pool, httpx.Client(base_url=server.url, headers=headers(token)) as http:
        writers = [pool.submit(write_some, name, 100) for name in "abc"]
        while len(found) < 300:
            query = {"after": after, "limit": chance.randrange(1, 30), "wait": 5}
            page = json.loads(http.get("/api/events/", params=query).content)
            found += [event["id"] for event in page["events"]]
            after = page["next"]
        for writer in writers:
            writer.result()

    assert found == in_the_log()


def test_a_relay_that_catches_up_is_followed(
    server: Server, token: str, stream: EventStream, settings: Settings
) -> None:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with streaming(server, token) as response:
        arriving = Stream().read(response)
        make(*(f"thing-{number}" for number in range(1_200)))
        sweep(stream, 0)

        assert [next(arriving)["position"] for _ in range(1_200)] == list(range(1, 1_201))
