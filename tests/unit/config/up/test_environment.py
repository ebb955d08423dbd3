"""Test the file `env`, from which other commands learn the addresses of `up`'s servers."""

import shlex
import stat
from pathlib import Path

import pytest

from config.environment.files import variables_in
from config.supervisord.errors import CannotStart
from config.supervisord.supervisor import owned
from config.up.environment import exports, published, secret_key

VARIABLES = {"DATABASE_URL": "postgresql://postgres@/tickets?host=/tmp/it%27s", "SECRET_KEY": "a#b $c \"d'e"}


def test_the_settings_read_the_published_variables(tmp_path: Path) -> None:
    with published(tmp_path, VARIABLES):
        read = dict(variables_in(tmp_path / "env"))

    assert read == VARIABLES


def test_the_file_is_private_and_is_removed_with_the_servers(tmp_path: Path) -> None:
    with published(tmp_path, VARIABLES):
        mode = stat.S_IMODE((tmp_path / "env").stat().st_mode)

    assert mode == 0o600
    assert list(tmp_path.iterdir()) == []


def test_exports_give_a_shell_the_same_values(tmp_path: Path) -> None:
    with owned(tmp_path), published(tmp_path, VARIABLES):
        lines = exports(tmp_path).splitlines()

    assert [shlex.split(line) for line in lines] == [["export", f"{name}={value}"] for name, value in VARIABLES.items()]


def test_the_file_of_a_killed_up_is_not_exported(tmp_path: Path) -> None:
    with published(tmp_path, VARIABLES), pytest.raises(CannotStart) as refusal:
        exports(tmp_path)

    assert str(refusal.value).startswith(f"no servers run on {tmp_path}: start them with `manage.py up`")


def test_a_folder_keeps_its_secret_key(tmp_path: Path) -> None:
    first = secret_key(tmp_path)

    assert len(first) >= 50
    assert secret_key(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    with owned(tmp_path), pytest.raises(CannotStart) as refusal, owned(tmp_path):
        pass

    assert str(refusal.value) == (
        f"another process runs the servers on {tmp_path}: stop it, or use another folder (--data DIR)"
    )
