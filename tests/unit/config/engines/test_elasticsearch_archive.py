"""Test when the archive of Elasticsearch's classes is used; tests/acceptance/test_up.py uses a real one."""

from pathlib import Path

import pytest

from config.engines.elasticsearch_archive import NotArchived, archive_of, give_back, make, take


def test_the_first_start_has_no_archive(tmp_path: Path) -> None:
    assert not any("SharedArchiveFile" in option for option in take(tmp_path))

    give_back(tmp_path, was_used=False)

    assert list(tmp_path.iterdir()) == []


def test_a_start_that_used_the_archive_gives_it_back(tmp_path: Path) -> None:
    archive_of(tmp_path).write_text("classes")

    (option,) = [option for option in take(tmp_path) if "SharedArchiveFile" in option]
    used = Path(option.partition("=")[2])
    content, is_there_meanwhile = used.read_text(), archive_of(tmp_path).exists()
    give_back(tmp_path, was_used=True)

    assert (content, is_there_meanwhile) == ("classes", False)
    assert archive_of(tmp_path).read_text() == "classes"


def test_an_archive_that_java_did_not_use_is_deleted(tmp_path: Path) -> None:
    archive_of(tmp_path).write_text("of another Java")

    take(tmp_path)
    give_back(tmp_path, was_used=False)

    assert list(tmp_path.iterdir()) == []


def test_an_archive_with_which_a_start_failed_is_not_used_again(tmp_path: Path) -> None:
    archive_of(tmp_path).write_text("broken")

    take(tmp_path)
    second = take(tmp_path)

    assert not any("SharedArchiveFile" in option for option in second)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_run_is_not_archived(tmp_path: Path) -> None:
    with pytest.raises(NotArchived, match="does not run"):
        make(tmp_path, process_id=0)
