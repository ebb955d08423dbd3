"""Test that only the listed jars of Elasticsearch are run."""

import hashlib
from pathlib import Path

import pytest

from config.engines import jars
from config.supervisord.errors import CannotStart

CONTENT = b"a jar"
SUMS = {"org/example/thing/1.0/thing-1.0.jar": hashlib.sha256(CONTENT).hexdigest()}


def test_every_listed_jar_has_a_sha256_sum_and_a_unique_name() -> None:
    sums = jars.expected_sums()

    assert {len(bytes.fromhex(digest)) for digest in sums.values()} == {32}
    assert len({Path(path).name for path in sums}) == len(sums)
    assert any(path.endswith("/elasticsearch-9.5.3.jar") for path in sums)


def test_the_listed_jars_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(CONTENT)

    jars.bring(SUMS, tmp_path)


def test_a_jar_with_another_sum_is_refused(tmp_path: Path) -> None:
    jar = tmp_path / "thing-1.0.jar"
    jar.write_bytes(b"another jar")

    with pytest.raises(CannotStart) as refusal:
        jars.bring(SUMS, tmp_path)

    assert str(refusal.value) == (
        f"{jar} differs from the jar that elasticsearch.sha256 lists (another SHA-256 checksum): "
        "delete it and start again"
    )


def test_a_jar_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    jar = tmp_path / "stranger-1.0.jar"
    for file in (jar, tmp_path / "thing-1.0.jar"):
        file.write_bytes(CONTENT)

    with pytest.raises(CannotStart) as refusal:
        jars.bring(SUMS, tmp_path)

    assert str(refusal.value) == (
        f"{jar} is not one of the jars that elasticsearch.sha256 lists: delete it and start again"
    )


def test_a_jar_is_taken_from_the_local_repository_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "repository"))
    (tmp_path / "repository/org/example/thing/1.0").mkdir(parents=True)
    (tmp_path / "repository" / next(iter(SUMS))).write_bytes(CONTENT)

    jars.bring(SUMS, tmp_path / "lib")

    assert [jar.name for jar in (tmp_path / "lib").iterdir()] == ["thing-1.0.jar"]
    assert (tmp_path / "lib" / "thing-1.0.jar").read_bytes() == CONTENT


def test_an_unreachable_maven_repository_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "repository"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # Nothing listens there.

    with pytest.raises(CannotStart) as refusal:
        jars.bring(SUMS, tmp_path / "lib")

    assert str(refusal.value).startswith("thing 1.0 can't be fetched from Maven's central repository (")
    assert str(refusal.value).endswith("try again when it answers, or set ELASTICSEARCH_URL to a server of your own")
    assert list((tmp_path / "lib").iterdir()) == []
