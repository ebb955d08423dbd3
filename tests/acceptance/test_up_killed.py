"""Test `manage.py up` when processes are killed: an engine, `up` itself, `up` and its supervisord."""

from pathlib import Path

import psutil
import pytest

from tests.acceptance.service import STOP_SECONDS, is_ready, processes_of, up, uses
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


def test_a_killed_engine_restarts_and_a_killed_up_leaves_no_process(data: Path, port: int) -> None:
    with up(data, port) as process:
        (postmaster,) = [found for found in psutil.process_iter() if is_postmaster_of(data, found)]
        postmaster.kill()
        postmaster.wait()
        wait_until(lambda: is_ready(port))

        process.kill()
        process.wait()
        wait_until(lambda: not processes_of(data))


def test_a_start_after_a_kill_works_and_stops_leftover_processes(data: Path, port: int) -> None:
    """The first `up` starts on the data of a killed one, and is killed together with its supervisord."""
    with up(data, port) as first:
        wait_until(lambda: is_ready(port))
        (supervisord,) = psutil.Process(first.pid).children()
        supervisord.kill()
        first.kill()
        first.wait()
        left = processes_of(data)
        with up(data, port) as second:
            wait_until(lambda: is_ready(port))
            second.terminate()
            code = second.wait(STOP_SECONDS)

    assert any("elasticsearch_node" in command for command in left)
    assert code == 0
    assert processes_of(data) == []


def is_postmaster_of(data: Path, process: psutil.Process) -> bool:
    return process.name() == "postgres" and "-D" in process.cmdline() and uses(data, process)
