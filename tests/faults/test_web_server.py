"""The web server is restarted under load, and its processes are killed."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from threading import Event

import httpx
import psutil
import pytest
from django.core.management import call_command

from config.supervisord.ports import answers
from config.web.server.restart import CannotRestart, restart
from tests.network.feed_server import GRANIAN, Server, headers, reader_token, serving
from tests.waiting import PATIENCE_SECONDS, wait_until

CLIENTS = 4
REQUESTS = 400
"""At least so many are sent; 2,000 were tried by hand."""
NEW_CONNECTIONS = httpx.Limits(max_keepalive_connections=0)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def server(transactional_db: None) -> Iterator[Server]:
    with serving() as server:
        yield server


def workers(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def test_a_restart_under_load_fails_no_request(server: Server) -> None:
    token, is_restarted, before, output = reader_token(), Event(), workers(server), StringIO()

    def ask() -> Counter[int]:
        """Ask, on a new connection each time, until the server has been restarted."""
        found: Counter[int] = Counter()
        with httpx.Client(headers=headers(token), timeout=PATIENCE_SECONDS, limits=NEW_CONNECTIONS) as client:
            while not is_restarted.is_set() or found.total() < REQUESTS / CLIENTS:
                found[client.get(f"{server.url}/api/events/").status_code] += 1
        return found

    with ThreadPoolExecutor(CLIENTS) as threads:
        asking = [threads.submit(ask) for _ in range(CLIENTS)]
        try:
            call_command("restart_web", port=server.port, stdout=output)
        finally:
            is_restarted.set()
        statuses = sum((found.result() for found in asking), Counter[int]())

    assert statuses.keys() == {200}
    assert statuses.total() >= REQUESTS
    assert output.getvalue() == f"1 new workers serve port {server.port}\n"
    assert not {*before} & {*workers(server)}


def test_if_the_new_release_can_not_be_loaded_the_old_workers_go_on(transactional_db: None, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    with serving(application="tests.network.fragile_application:application", BROKEN_RELEASE=str(broken)) as server:
        before = workers(server)
        broken.touch()
        with pytest.raises(CannotRestart, match="the old ones go on"):
            restart(server.port, within_seconds=3)
        assert answers(server.port, "/")
        wait_until(lambda: workers(server) == before)

        broken.unlink()
        assert restart(server.port, within_seconds=PATIENCE_SECONDS) == 1
        assert answers(server.port, "/")


def test_a_killed_worker_is_replaced_however_soon_the_next_one_is_killed_too(server: Server) -> None:
    killed = set()

    for _ in range(3):
        wait_until(lambda: answers(server.port, "/healthz"))
        (worker,) = workers(server)
        worker.kill()
        killed.add(worker)
        wait_until(lambda: server.process.poll() is not None or not {*workers(server)} <= killed)

    wait_until(lambda: server.process.poll() is not None or answers(server.port, "/healthz"))
    assert server.process.poll() is None
    assert len(killed) == 3


def test_workers_end_with_a_killed_main_process_and_the_next_one_takes_the_port(server: Server) -> None:
    before = workers(server)

    server.process.kill()
    with serving(port=server.port) as following:
        wait_until(lambda: not any(worker.is_running() for worker in before))
        wait_until(lambda: answers(server.port, "/healthz"))  # Until then a worker of the killed one may have answered.
        assert len(workers(following)) == 1


def test_a_second_server_on_the_port_says_why_it_does_not_start(server: Server) -> None:
    second = subprocess.run(
        (sys.executable, *GRANIAN, "--port", str(server.port), "config.asgi:application"),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert second.returncode == 1
    assert f"the web server can't listen on 127.0.0.1, port {server.port}: [Errno" in second.stderr
    assert answers(server.port, "/healthz")


def test_without_a_web_server_on_the_port_a_restart_says_so() -> None:
    with pytest.raises(CannotRestart, match="0 web servers run with --port 1"):
        restart(1, within_seconds=1)
