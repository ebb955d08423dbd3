"""Test `manage.py up`: the demo, further starts, also after processes were killed, and what it refuses."""

import json
import re
import shlex
import signal
import socket
from pathlib import Path

import psutil
import pytest

from config.engines.elasticsearch_archive import archive_of
from config.supervisord.ports import free_port
from tests.acceptance.service import STOP_SECONDS, is_ready, manage, processes_of, up, uses
from tests.waiting import wait_until

SAMPLE_TICKETS = 300

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder on which the demo has run; supervisord would replace an unescaped `%d`."""
    folder = tmp_path_factory.mktemp("up") / "100 %data"
    demo = manage("up", "--demo", "--exit", "--data", folder, "--port", str(free_port()))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    (folder.parent / "demo.txt").write_text(demo.stdout)
    return folder


def test_the_demo_tells_the_story_and_leaves_no_process(data: Path) -> None:
    story = (data.parent / "demo.txt").read_text()

    assert re.search(r"Sample tickets: \d+ issued", story)
    (replacement,) = re.findall(r"is cancelled over REST, (\w+) replaces it", story)
    assert re.search(r"The event is on the stream, as entry \d+-0\n", story)
    assert "The access system was told that" in story
    assert f"The search finds {replacement}:" in story
    assert "Elasticsearch will start faster the next time" in story
    assert processes_of(data) == []
    assert not (data / "env").exists()


def test_no_other_user_may_read_what_it_left(data: Path) -> None:
    kept = [data, *(file for file in data.rglob("*") if "static" not in file.parts)]

    assert {"lock", "secret_key", "appendonlydir", "web.log", "PG_VERSION"} <= {file.name for file in kept}
    assert [file for file in kept if file.stat().st_mode & 0o077] == []


def test_a_failing_demo_names_the_step_and_exits_with_1(data: Path, port: int) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    demo = manage("up", "--demo", "--exit", "--data", data, "--port", str(port), ELASTICSEARCH_URL=nobody)

    assert demo.returncode == 1
    assert demo.stderr == (
        f"CommandError: the search did not find the replacement within 30 s; look at the files in {data / 'log'}\n"
    )
    assert processes_of(data) == []


def test_a_second_start_keeps_the_data_and_every_command_finds_its_servers(data: Path, port: int) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"  # A start without Elasticsearch takes half as long.
    with up(data, port, ELASTICSEARCH_URL=nobody) as process:
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


def test_an_engine_restarts_leftover_processes_are_stopped_and_a_killed_up_leaves_none(data: Path, port: int) -> None:
    with up(data, port) as first:
        (postmaster,) = [found for found in psutil.process_iter() if is_postmaster_of(data, found)]
        postmaster.kill()
        postmaster.wait()
        wait_until(lambda: is_ready(port))

        (supervisord,) = psutil.Process(first.pid).children()
        supervisord.kill()
        first.kill()
        first.wait()
        left = processes_of(data)
        with up(data, port) as second:
            wait_until(lambda: is_ready(port))
            second.kill()
            second.wait()

            wait_until(lambda: not processes_of(data))

    assert any("elasticsearch_node" in command for command in left)


def test_elasticsearch_starts_with_an_archive_of_its_classes_and_without_a_broken_one(data: Path, port: int) -> None:
    archive = archive_of(data / "elasticsearch")
    with up(data, port) as process:  # Only an archive that Java has used is there again.
        was_used = archive.exists()
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
    middle = archive.stat().st_size // 2
    with archive.open("r+b") as file:
        file.seek(middle)
        file.write(bytes(100_000))

    with up(data, port) as process:
        is_there = archive.exists()

    assert was_used
    assert not is_there


def is_postmaster_of(data: Path, process: psutil.Process) -> bool:
    return process.name() == "postgres" and "-D" in process.cmdline() and uses(data, process)


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = manage("up", "--data", tmp_path, "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: the web server can't listen on port {port}")
    assert refused.stderr.endswith("stop the program that uses it, or choose another port (--port N)\n")


def test_data_of_another_postgresql_version_is_refused_and_left_unchanged(tmp_path: Path, port: int) -> None:
    database = tmp_path / "postgres" / "data"
    database.mkdir(parents=True)
    (database / "PG_VERSION").write_text("16\n")

    refused = manage("up", "--data", tmp_path, "--port", str(port))

    assert refused.returncode == 1
    assert "was created by PostgreSQL 16, but this release has 18" in refused.stderr
    assert [file.name for file in database.iterdir()] == ["PG_VERSION"]


def test_a_data_folder_that_can_not_be_created_is_reported(tmp_path: Path, port: int) -> None:
    file = tmp_path / "file"
    file.touch()

    refused = manage("up", "--data", file / "data", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: ")
    assert str(file / "data") in refused.stderr


def test_env_is_refused_when_no_servers_run(tmp_path: Path) -> None:
    refused = manage("up", "--env", "--data", tmp_path)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: no servers run on {tmp_path}: "
        "start them with `manage.py up`, or name their folder (--data DIR)\n"
    )


def test_exit_without_demo_is_refused(tmp_path: Path) -> None:
    refused = manage("up", "--exit", "--data", tmp_path)

    assert refused.returncode == 1
    assert refused.stderr == "CommandError: --exit ends `up` after the demo: add --demo\n"
