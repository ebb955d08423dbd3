"""Test `manage.py up` when processes are killed: an engine, `up` itself, `up` and its supervisord."""

from pathlib import Path

import psutil
import pytest

from tests.acceptance.service import is_ready, processes_of, up, uses
from tests.waiting import wait_until


@pytest.mark.timeout(400)
def test_an_engine_restarts_leftover_processes_are_stopped_and_a_killed_up_leaves_none(
    tmp_path: Path, port: int
) -> None:
    data = tmp_path / "data"
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


def is_postmaster_of(data: Path, process: psutil.Process) -> bool:
    return process.name() == "postgres" and "-D" in process.cmdline() and uses(data, process)
