"""Test the passwords of the embedded servers."""

from pathlib import Path

from config.engines.engine import password, renew_password


def test_a_password_is_kept_until_it_is_renewed(tmp_path: Path) -> None:
    first = password(tmp_path, "tickets")
    again = password(tmp_path, "tickets")
    renew_password(tmp_path, "tickets")

    assert first == again
    assert password(tmp_path, "tickets") != first
    assert [file.stat().st_mode & 0o077 for file in tmp_path.iterdir()] == [0]
