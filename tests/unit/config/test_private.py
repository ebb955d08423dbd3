"""Test that no other user of the machine can use the folders and files of `manage.py up`."""

import os
import stat
from pathlib import Path

import pytest

from config.supervisord import private
from config.supervisord.errors import CannotStart
from config.supervisord.private import kept, make_private
from config.supervisord.supervisor import owned

SOMEBODY = 54321


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_folder_is_for_its_owner_alone_and_the_folders_above_stay(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o750)

    with owned(above / "data"):
        pass

    assert mode(above / "data") == 0o700
    assert mode(above) == 0o750
    assert mode(tmp_path) == 0o700


def test_the_folder_of_an_earlier_release_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    tmp_path.chmod(0o755)

    with owned(tmp_path):
        pass

    assert mode(tmp_path) == 0o700


@pytest.mark.parametrize("shared", [0o755, 0o770, 0o1777])
def test_a_folder_with_other_files_that_others_use_is_refused_and_left_as_it_is(tmp_path: Path, shared: int) -> None:
    (tmp_path / "something").touch()
    tmp_path.chmod(shared)

    with (
        pytest.raises(CannotStart, match="has files that are not of `up`, and other users may read it"),
        owned(tmp_path),
    ):
        pass

    assert mode(tmp_path) == shared
    assert [file.name for file in tmp_path.iterdir()] == ["something"]


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(CannotStart, match="is not a folder that .* can use"):
        make_private(tmp_path / "link")

    assert mode(tmp_path / "target") == 0o755


def test_a_folder_that_another_user_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    monkeypatch.setattr(private.os, "geteuid", lambda: SOMEBODY)

    with pytest.raises(CannotStart, match=f"belongs to the user .*, not to {SOMEBODY}: another user has made it"):
        make_private(folder)

    assert mode(folder) == 0o777


def test_a_file_that_is_kept_is_private_and_stays(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        first = kept(tmp_path / "secret", lambda: "one")
    finally:
        os.umask(umask)

    assert (first, kept(tmp_path / "secret", lambda: "two")) == ("one", "one")
    assert mode(tmp_path / "secret") == 0o600
