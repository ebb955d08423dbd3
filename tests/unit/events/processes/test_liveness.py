"""A process shows that it goes on, by the time of a file."""

import os
import time
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from events.checks import TAG
from events.processes import liveness
from events.processes.progress import progress
from events.processes.shutdown import Interrupted, Shutdown

pytestmark = pytest.mark.django_db

LONG_AGO = 1_000_000_000


@pytest.fixture
def file(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a process that has just begun."""
    monkeypatch.setattr(liveness, "_touched_at", float("-inf"))
    settings.EVENTS_LIVENESS_FILE = str(tmp_path / "alive")
    return tmp_path / "alive"


def test_each_turn_of_the_main_loop_shows_it(file: Path) -> None:
    Shutdown().check()

    assert file.stat().st_mtime == pytest.approx(time.time(), abs=60)


def test_the_begin_of_a_wait_shows_it(file: Path) -> None:
    with Shutdown().interruptible():
        assert file.exists()


def test_a_handler_that_makes_progress_shows_it(file: Path) -> None:
    progress()

    assert file.exists()


def test_the_file_is_touched_once_a_second_at_most(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Shutdown().check()
    os.utime(file, (LONG_AGO, LONG_AGO))

    Shutdown().check()
    assert file.stat().st_mtime == LONG_AGO

    monkeypatch.setattr(liveness, "_touched_at", time.monotonic() - liveness.TOUCHED_AFTER_SECONDS)
    Shutdown().check()
    assert file.stat().st_mtime > LONG_AGO


def test_a_process_that_ends_shows_nothing(file: Path) -> None:
    shutdown = Shutdown()
    shutdown.requested = True

    with pytest.raises(Interrupted):
        shutdown.check()

    assert not file.exists()


def test_without_the_setting_there_is_no_file(file: Path, settings: Settings) -> None:
    settings.EVENTS_LIVENESS_FILE = ""

    Shutdown().check()

    assert not file.exists()


@pytest.mark.parametrize(("path", "ids"), [("alive", []), ("", ["events.E019"]), ("missing/alive", ["events.E019"])])
def test_a_file_that_can_not_be_written_is_refused(
    path: str, ids: list[str], tmp_path: Path, settings: Settings
) -> None:
    settings.EVENTS_LIVENESS_FILE = tmp_path / path

    assert [found.id for found in run_checks(tags=[TAG]) if "LIVENESS" in found.msg] == ids
