"""Test that the folder in which workers share figures is private, and never left behind for good."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from config.web.server.shared_figures import LOCK, PREFIX, VARIABLE, YOUNG_SECONDS, shared_figures


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Set to nothing, prometheus_client would take the current folder for its files.
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def test_the_workers_get_a_private_folder_which_is_deleted_at_the_end(temporary: Path) -> None:
    with shared_figures():
        folder = Path(os.environ[VARIABLE])
        assert (folder.parent, folder.stat().st_mode & 0o777) == (temporary, 0o700)

    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_server_that_was_killed_is_deleted_by_the_next_and_no_other(temporary: Path) -> None:
    killed, young = (temporary / f"{PREFIX}{name}" for name in ("killed", "young"))
    for folder in (killed, young):
        folder.mkdir()
        (folder / LOCK).touch()
    (temporary / f"{PREFIX}not-ours").mkdir()
    an_hour_ago = time.time() - YOUNG_SECONDS - 3600
    os.utime(killed, (an_hour_ago, an_hour_ago))

    with shared_figures():
        os.utime(os.environ[VARIABLE], (an_hour_ago, an_hour_ago))
        del os.environ[VARIABLE]
        with shared_figures():
            left = {folder.name.removeprefix(PREFIX) for folder in temporary.iterdir()}

    assert len(left) == 4
    assert left >= {"young", "not-ours"}


def test_a_folder_that_the_environment_names_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(temporary))

    with shared_figures():
        assert os.environ[VARIABLE] == str(temporary)

    assert temporary.is_dir()
