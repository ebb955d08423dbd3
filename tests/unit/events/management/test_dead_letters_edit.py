"""The subcommand `dead_letters edit`: a payload from a file or an editor, shown and confirmed."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from events.testing import run_until_idle
from tests.letters import FIXED, answer, letter, park, rows, run, states

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    """Write a file with a payload that fits the thing `a`."""
    file = tmp_path / "fixed.json"
    file.write_text(FIXED)
    return file


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Install an editor that writes these texts, one per call, and keeps the texts that it was opened with."""

    def install(*texts: str) -> Path:
        queue, opened = tmp_path / "texts", tmp_path / "opened"
        queue.write_text(json.dumps(texts))
        script = tmp_path / "editor.py"
        script.write_text(
            "import json, pathlib, sys\n"
            f"queue, opened = pathlib.Path({str(queue)!r}), pathlib.Path({str(opened)!r})\n"
            "file = pathlib.Path(sys.argv[-1])\n"
            "opened.write_text(file.read_text())\n"
            "first, *others = json.loads(queue.read_text())\n"
            "queue.write_text(json.dumps(others))\n"
            "file.write_text(first)\n"
        )
        monkeypatch.setenv("VISUAL", shlex.join([sys.executable, str(script), "--wait"]))
        return opened

    return install


def test_a_file_replaces_the_payload_and_is_retried(fixed: Path) -> None:
    recorder = park("a", note="broken")

    said = run("edit", letter().id, "--data", fixed, "--retry", "--yes")

    assert '-  "note": "broken"\n+  "note": "mended"' in said
    assert said.endswith("edited, and marked to be retried\n")
    run_until_idle("things", recorder)
    assert recorder.handled[0].data == FIXED.replace(" ", "")


def test_the_payload_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    park("a")
    answer(monkeypatch, FIXED)

    said = run("edit", letter().id, "--data", "-", "--yes")

    assert said.endswith(f"edited; run `dead_letters retry {letter().id}` to retry it\n")
    assert (states(), letter().edited_data) == (["parked"], FIXED.replace(" ", ""))


def test_an_edit_is_shown_before_the_question(fixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    park("a")
    before = rows()
    answer(monkeypatch, "n")

    with pytest.raises(CommandError, match="nothing was changed"):
        run("edit", letter().id, "--data", fixed)

    assert rows() == before
    answer(monkeypatch, "y", "n")
    run("edit", letter().id, "--data", fixed)
    assert (states(), letter().edited_version) == (["parked"], 1)
    fixed.write_text(FIXED.replace("mended", "again"))
    answer(monkeypatch, "y", "y")
    run("edit", letter().id, "--data", fixed)
    assert states() == ["retry"]


def test_the_editor_opens_the_payload_until_it_fits(
    editor: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    park("a", note="broken")
    opened = editor('{"name": "a", "versoin": 1}', FIXED)
    answer(monkeypatch, "y", "y", "n")

    said = run("edit", letter().id)

    assert "$.versoin: there is no such field; the fields are name, version, note" in said
    assert "Edit it again? [y/N]" in capsys.readouterr().out
    assert opened.read_text() == '{"name": "a", "versoin": 1}'  # The text is not lost.
    assert letter().edited_data == FIXED.replace(" ", "")


def test_the_editor_begins_with_the_pretty_payload_and_leaving_it_changes_nothing(editor: Any) -> None:
    park("a", note="broken")
    before = rows()
    pretty = '{\n  "name": "a",\n  "version": 1,\n  "note": "broken"\n}'
    opened = editor(pretty)

    assert run("edit", letter().id) == "nothing was changed\n"

    assert opened.read_text() == pretty
    assert rows() == before


def test_leaving_the_editor_with_problems_reports_them(editor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    park("a")
    before = rows()
    editor("{}")
    answer(monkeypatch, "n")

    with pytest.raises(CommandError, match=r"nothing was changed: \$.name: it is missing"):
        run("edit", letter().id)

    assert rows() == before


@pytest.mark.parametrize(
    ("visual", "said"), [("", "neither VISUAL nor EDITOR"), ("false", "the editor failed"), ("/no/editor", "failed")]
)
def test_a_missing_or_failing_editor_is_reported(visual: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    park("a")
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("VISUAL", visual)

    with pytest.raises(CommandError, match=said):
        run("edit", letter().id)


def test_a_payload_that_does_not_fit_and_an_unreadable_file_are_refused(tmp_path: Path) -> None:
    park("a", "a")
    before = rows()
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"name": "b"}')

    for position, file, why in (
        (1, wrong, "nothing was changed: subject: it must stay 'a'"),
        (1, tmp_path / "none.json", "can't read the payload"),
        (2, wrong, "nothing was changed: .*it is queued"),
    ):
        with pytest.raises(CommandError, match=why):
            run("edit", letter(position).id, "--data", file, "--yes")

    assert rows() == before
