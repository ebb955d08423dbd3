"""`manage.py up` with its real processes, each on a data folder of the tests."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from config.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
OURS = {"DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL", "ACCESS_SYSTEM_URL", "SECRET_KEY", "DATA_DIR"}
STOP_SECONDS = 30
SAMPLE_TICKETS = 300

pytestmark = pytest.mark.timeout(400)


def environment(**variables: str) -> dict[str, str]:
    """The environment of somebody who configured nothing."""
    return {name: value for name, value in os.environ.items() if name not in OURS} | variables


def manage(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "manage.py", *map(str, words))
    return subprocess.run(
        command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, check=False, timeout=300
    )


@contextmanager
def up(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run `up` until the block ends, which begins when `up` says that all runs."""
    command = (sys.executable, "manage.py", "up", "--data", str(data), "--port", str(port))
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert any("Ctrl-C stops all" in line for line in process.stdout)
            yield process
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def processes_of(data: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]) if uses(data, process)
    ]


def uses(data: Path, process: psutil.Process) -> bool:
    try:
        return str(data) in (*process.cmdline(), process.environ().get("DATA_DIR"))
    except psutil.Error:
        return False


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on which the demo has run."""
    folder = tmp_path_factory.mktemp("up") / "data"
    demo = manage("up", "--demo", "--exit", "--data", folder, "--port", str(free_port()))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    (folder / "demo.txt").write_text(demo.stdout)
    return folder


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_demo_tells_the_story_and_leaves_no_process(data: Path) -> None:
    story = (data / "demo.txt").read_text()

    assert re.search(r"Sample tickets: \d+ issued", story)
    (replacement,) = re.findall(r"is cancelled over REST, (\w+) replaces it", story)
    assert re.search(r"The event is on the stream, as entry \d+-0\n", story)
    assert "The access system was told that" in story
    assert f"The search finds {replacement}:" in story
    assert processes_of(data) == []
    assert not (data / "env").exists()


def test_a_demo_that_goes_another_way_says_so_and_ends_with_1(data: Path, port: int) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    demo = manage("up", "--demo", "--exit", "--data", data, "--port", str(port), ELASTICSEARCH_URL=nobody)

    assert demo.returncode == 1
    assert demo.stderr == "CommandError: the search did not find the replacement within 30 s; the logs say more\n"
    assert processes_of(data) == []


def test_a_later_start_has_the_data_and_every_command_finds_its_servers(data: Path, port: int) -> None:
    with up(data, port) as process:
        status = manage("event_status", "--json", DATA_DIR=str(data))
        exports = manage("up", "--env", "--data", data)
        second = manage("up", "--data", data, "--port", str(free_port()))
        process.send_signal(signal.SIGINT)
        code = process.wait(STOP_SECONDS)
        left = processes_of(data)

    assert json.loads(status.stdout)[0]["last_position"] >= SAMPLE_TICKETS
    names = {shlex.split(line)[1].partition("=")[0] for line in exports.stdout.splitlines()}
    assert names >= {"DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL", "ACCESS_SYSTEM_URL", "SECRET_KEY"}
    assert second.returncode == 1
    assert f"another process runs the servers on {data}" in second.stderr
    assert code == 0
    assert left == []


def test_a_killed_engine_comes_back(data: Path, port: int) -> None:
    with up(data, port):
        (postmaster,) = [found for found in psutil.process_iter() if is_postmaster_of(data, found)]
        postmaster.kill()
        postmaster.wait()

        wait_until(lambda: is_ready(port), within_seconds=30)


def test_a_killed_up_leaves_nothing_running_and_the_next_one_works(data: Path, port: int) -> None:
    with up(data, port) as first:
        first.kill()
        first.wait()
        wait_until(lambda: not processes_of(data), within_seconds=STOP_SECONDS)

    with up(data, port) as second:
        ready = is_ready(port)
        second.terminate()
        code = second.wait(STOP_SECONDS)

    assert ready
    assert code == 0


def test_what_an_up_left_that_was_killed_with_its_supervisord_is_stopped_by_the_next(data: Path, port: int) -> None:
    with up(data, port) as first:
        (supervisord,) = psutil.Process(first.pid).children()
        supervisord.kill()
        first.kill()
        first.wait()
        left = processes_of(data)
        with up(data, port) as second:
            ready = is_ready(port)
            second.terminate()
            code = second.wait(STOP_SECONDS)

    assert any("elasticsearch_node" in command for command in left)
    assert ready
    assert code == 0
    assert processes_of(data) == []


def is_postmaster_of(data: Path, process: psutil.Process) -> bool:
    return process.name() == "postgres" and str(data / "postgres" / "data") in process.cmdline()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = manage("up", "--data", tmp_path, "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: the web server can't listen on port {port}")
    assert refused.stderr.endswith("stop what has it, or choose another (--port N)\n")


def test_the_data_of_another_postgresql_is_refused_as_it_is(tmp_path: Path, port: int) -> None:
    database = tmp_path / "postgres" / "data"
    database.mkdir(parents=True)
    (database / "PG_VERSION").write_text("16\n")

    refused = manage("up", "--data", tmp_path, "--port", str(port))

    assert refused.returncode == 1
    assert "was made by PostgreSQL 16, and this release brings 18" in refused.stderr
    assert [file.name for file in database.iterdir()] == ["PG_VERSION"]


def test_a_data_folder_that_can_not_be_made_is_named(tmp_path: Path, port: int) -> None:
    file = tmp_path / "file"
    file.touch()

    refused = manage("up", "--data", file / "data", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: ")
    assert str(file / "data") in refused.stderr


def test_the_variables_of_servers_that_do_not_run_are_refused(tmp_path: Path) -> None:
    refused = manage("up", "--env", "--data", tmp_path)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: nothing runs on {tmp_path}: start it with `manage.py up`, or name its folder (--data DIR)\n"
    )


def test_exit_without_demo_is_refused(tmp_path: Path) -> None:
    refused = manage("up", "--exit", "--data", tmp_path)

    assert refused.returncode == 1
    assert refused.stderr == "CommandError: --exit ends `up` after the demo: it needs --demo\n"
