"""GET /readyz while servers hang, refuse, or are read-only."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK, free_port
from events.stream.interface import Stream
from tests.database_server import fill_the_pool, hanging, read_only
from tests.network.hung_server import hung_server
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_SECONDS = 2.0
"""A second, and what a busy machine adds; less than two servers take that are waited for one after the other."""


def probes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("probe of")]


@pytest.fixture(autouse=True)
def _loaded(client: Client) -> Iterator[None]:
    """Begin with a process that has answered before, and end when all threads have ended."""
    wait_until(lambda: client.get("/readyz").json()["degraded"] == {}, within_seconds=20)
    yield
    wait_until(lambda: not probes())


def ask(client: Client) -> tuple[int, dict[str, Any]]:
    before = time.monotonic()
    response = client.get("/readyz")

    assert time.monotonic() - before < WITHIN_SECONDS
    return response.status_code, response.json()


def test_with_all_servers_it_is_ready(client: Client) -> None:
    assert ask(client) == (200, {"ready": True, "failures": {}, "degraded": {}})


def test_a_hung_database_is_a_failure_within_a_second_and_holds_one_thread(client: Client) -> None:
    fill_the_pool()
    with hanging():
        for _ in range(4):
            status, found = ask(client)
            assert (status, found["failures"].keys(), found["degraded"]) == (503, {"database"}, {})
            assert len(probes()) <= 1

    wait_until(lambda: client.get("/readyz").status_code == 200)


def test_a_database_that_refuses_is_a_failure_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", LOOPBACK)
    monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))

    status, found = ask(client)

    assert (status, found["ready"], found["degraded"]) == (503, False, {})
    assert "not ready: database: the database does not answer: " in caplog.text


def test_a_read_only_database_is_a_failure(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with read_only():
        status, found = ask(client)

        assert (status, found["degraded"]) == (503, {})
        assert "not ready: database: it is read-only, so nothing can be written: " in caplog.text
    assert ask(client)[0] == 200


@pytest.mark.parametrize("name", ["stream", "elasticsearch"])
def test_a_hung_server_that_writes_do_not_need_is_only_named(client: Client, settings: Settings, name: str) -> None:
    with hung_server() as address:
        if name == "stream":
            settings.EVENTS_STREAM_URL = f"redis://{address}/tickets"
        else:
            settings.ELASTICSEARCH_URL = f"http://{address}"

        for _ in range(3):
            status, found = ask(client)
            assert (status, found["ready"], found["failures"], found["degraded"].keys()) == (200, True, {}, {name})
            assert len(probes()) <= 1


def test_a_name_server_that_hangs_costs_one_thread(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = threading.Event()
    resolve = socket.getaddrinfo

    def hang(*args: Any, **options: Any) -> Any:
        answer.wait()
        return resolve(*args, **options)

    settings.EVENTS_STREAM_URL = f"redis://localhost:{free_port()}/tickets"
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        for _ in range(3):
            status, found = ask(client)
            assert status == 200
            assert "stream" in found["degraded"]
        assert len(probes()) <= 2
        assert "not ready: stream: no answer within " in caplog.text
    finally:
        answer.set()


def test_busy_sessions_do_not_keep_it_from_answering(client: Client, stream: Stream) -> None:
    sessions = [connection.copy() for _ in range(16)]
    connection.close()
    try:
        for session in sessions:
            session.ensure_connection()

        assert ask(client)[0] == 200
    finally:
        for session in sessions:
            session.close()
