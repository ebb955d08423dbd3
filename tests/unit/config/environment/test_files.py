"""The file `env` of a data folder has lines NAME='value'."""

from pathlib import Path

import pytest

from config.environment.files import secret_in, variables_in


def test_lines_may_be_quoted_empty_or_comments(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# ours\n\nA='1 # x'\r\nB=2\nC=\"it's\"\nD='\nE=\n")

    assert dict(variables_in(tmp_path / "env")) == {"A": "1 # x", "B": "2", "C": "it's", "D": "'", "E": ""}


def test_the_mark_with_which_windows_begins_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "file"

    file.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    assert secret_in(str(file)) == "s3cret"

    file.write_bytes(b"\xef\xbb\xbfA='1'\n")
    assert dict(variables_in(file)) == {"A": "1"}


def test_no_file_is_no_variables(tmp_path: Path) -> None:
    assert dict(variables_in(tmp_path / "env")) == {}


@pytest.mark.parametrize("line", ["s3cret", "export A=1", " A=1", "1A=1", "=1"])
def test_another_line_is_named_by_its_number_alone(tmp_path: Path, line: str) -> None:
    file = tmp_path / "env"
    file.write_text(f"A='1'\n{line}\n")

    with pytest.raises(ValueError, match="is not NAME='value'") as refused:
        dict(variables_in(file))

    assert str(refused.value) == f"line 2 of {file} is not NAME='value': `manage.py up` writes this file"
