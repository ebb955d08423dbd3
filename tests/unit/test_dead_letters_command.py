"""The command dead_letters: what it finds, what it says and asks, and what it changes."""

import json
import shlex
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.models import DeadLetter
from events.testing import run_until_idle
from tests.letters import foreign, letter, park, rows, states, trail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

FIXED = '{"name": "a", "version": 1, "note": "mended"}'


def run(*arguments: object) -> str:
    """Run the command, and return what it prints."""
    out = StringIO()
    call_command("dead_letters", *map(str, arguments), stdout=out)
    return out.getvalue()


def found(*arguments: object) -> list[int | None]:
    """Return the positions of the letters that are listed, in the order of the list."""
    return [json.loads(line)["position"] for line in run("list", *arguments, "--json").splitlines()]


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    """A file with a payload that fits the thing a."""
    file = tmp_path / "fixed.json"
    file.write_text(FIXED)
    return file


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let somebody answer at the terminal; without answers nobody is there."""

    def answer(*answers: str) -> None:
        monkeypatch.setattr("sys.stdin", StringIO("".join(f"{answer}\n" for answer in answers)))

    answer()
    return answer


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Put an editor in place that leaves these texts, one each time, and keeps what it was opened with."""

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


def test_open_letters_are_listed_the_newest_first() -> None:
    park("a", "a", "b")
    DeadLetter.objects.filter(position=3).update(state="handled")

    assert found() == [2, 1]


def test_a_page_says_how_to_get_the_next_one() -> None:
    park("a", "b", "c")

    page = run("list", "--limit", 2)

    assert f"2 of 3; the next ones: --before {letter(2).id}" in page
    assert found("--before", letter(2).id) == [1]
    assert "the next ones" not in run("list")


def test_the_table_shows_what_an_operator_asks_first() -> None:
    park("[bold]a[/]", error="status \x1b[31m422")

    table = run("list")

    for text in ("parked", "things", "thing.made", "[bold]a[/]", "Unprocessable: status \\u001b[31m422", "1", "0m"):
        assert text in table


def test_filters_and_ids_narrow_the_list() -> None:
    park("a", "a", "b", "c", error="status 422")
    DeadLetter.objects.filter(position=1).update(group="others", state="retry")
    DeadLetter.objects.filter(position=3).update(error_type="ValueError", error="a bug", state="discarded")
    DeadLetter.objects.filter(position=4).update(parked_at=timezone.now() - timedelta(hours=3))
    foreign()

    assert found("--group", "others") == [1]
    assert found("--type", "thing.moved") == [2]
    assert found("--subject", "a") == [2, 1]
    assert found("--state", "retry") == [1]
    assert found("--state", "any", "--error", "valueerror") == [3]
    assert found("--error", "Status") == [4, 1]
    assert found("--error", "ValueErr") == []
    assert found("--older-than", "2h") == [4]
    assert found("--newer-than", "2h") == [None, 2, 1]
    assert found(letter(3).id, letter(4).id) == [4, 3]
    assert found(letter(3).id, letter(4).id, "--subject", "c") == [4]


def test_an_age_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="'3' is no age such as 90d, 12h or 30m"):
        run("list", "--older-than", "3")


def test_nothing_found_is_said_and_an_id_that_is_not_there_is_an_error() -> None:
    assert run("list") == run("list", "--by-error") == run("retry", "--all") == "no dead letter matches\n"
    assert run("list", "--json") == run("list", "--by-error", "--json") == ""
    for arguments in (("list",), ("show",), ("retry",), ("edit",), ("discard", "--reason", "void")):
        with pytest.raises(CommandError, match="there is no dead letter 17"):
            run(*arguments, 17)


def test_letters_are_counted_by_error() -> None:
    park("a", "b", "b")
    DeadLetter.objects.filter(position=1).update(error_type="ValueError")

    counts = [json.loads(line) for line in run("list", "--by-error", "--json").splitlines()]

    told = [(count["group"], count["type"], count["error_type"], count["letters"]) for count in counts]
    assert told == [
        ("things", "thing.made", "Unprocessable", 1),
        ("things", "thing.made", "ValueError", 1),
        ("things", "thing.moved", "", 1),
    ]
    assert "queued behind another" in run("list", "--by-error")


def test_all_that_is_known_of_a_letter_is_shown(fixed: Path) -> None:
    park("a", "a", note="broken\u202e")
    run("edit", letter().id, "--data", fixed, "--yes")

    shown = run("show", letter().id)

    for text in (
        str(letter().event_id),
        '  "note": "broken\\u202e"\n',
        "events.exceptions.Unprocessable: no",
        "payload that is handled instead, version 1",
        '+  "note": "mended"',
        "1 queued behind it",
        "edited",
    ):
        assert text in shown


def test_all_that_is_known_of_a_letter_is_given_as_json(fixed: Path) -> None:
    park("a", "a")
    run("edit", letter().id, "--data", fixed, "--yes")

    shown = json.loads(run("show", letter().id, "--json"))

    assert shown["event"]["data"] == {"name": "a", "version": 1, "note": ""}
    assert (shown["edited_data"]["note"], shown["edited_version"]) == ("mended", 1)
    assert [behind["position"] for behind in shown["queued_behind"]] == [2]
    assert [(action["action"], action["actor"]) for action in shown["actions"]] == [
        ("parked", "consumer"),
        ("edited", "ada"),
    ]


def test_a_foreign_entry_and_a_lost_event_are_shown_too() -> None:
    park("a")
    DeadLetter.objects.update(event_id="00000000-0000-0000-0000-000000000001")

    assert '"what": "<b>"' in run("show", foreign().id)
    assert "the log has this event no more" in run("show", letter().id)


def test_one_letter_is_retried_without_a_question() -> None:
    recorder = park("a", "a")

    assert run("retry", letter().id) == "marked to be tried again: 1\n"

    run_until_idle("things", recorder)
    assert states() == ["handled", "handled"]
    assert trail()[1] == ("retry", "ada", "")


def test_several_are_counted_and_asked_for(says: Any, capsys: pytest.CaptureFixture[str]) -> None:
    park("a", "b", "c")
    before = rows()
    says("n")

    with pytest.raises(CommandError, match="nothing was changed"):
        run("retry", "--group", "things")

    assert "3 dead letters will be marked to be tried again. Do that? [y/N]" in capsys.readouterr().out
    assert rows() == before
    says("y")
    assert "Unprocessable" in run("retry", "--group", "things")
    assert states() == ["retry"] * 3


def test_without_anybody_to_ask_nothing_is_changed(says: Any) -> None:
    park("a", "b")
    before = rows()

    with pytest.raises(CommandError, match="nobody is there to answer; --yes does it without asking") as refused:
        run("discard", "--all", "--reason", "void")

    assert refused.value.returncode == 1
    assert rows() == before


def test_yes_asks_nothing_and_the_actor_is_named() -> None:
    park("a", "a", "b")

    said = run("discard", "--all", "--yes", "--reason", "sold elsewhere", "--actor", "grace")

    assert said == "discarded: 3\n"
    assert states() == ["discarded"] * 3
    assert trail(2) == [("discarded", "grace", "sold elsewhere")]


@pytest.mark.parametrize("arguments", [("retry", "--yes"), ("discard", "--yes", "--reason", "void")])
def test_which_ones_has_to_be_said(arguments: tuple[str, ...]) -> None:
    park("a")
    before = rows()

    with pytest.raises(CommandError, match="say which ones") as refused:
        run(*arguments)

    assert refused.value.returncode == 2
    assert rows() == before


@pytest.mark.parametrize("arguments", [("discard", "1"), ("discard", "1", "--reason", " ")])
def test_a_reason_has_to_be_given(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--reason"):
        run(*arguments)


def test_what_is_left_out_is_said_and_is_a_failure() -> None:
    park("a", "a", "b")

    with pytest.raises(CommandError) as refused:
        run("retry", letter(1).id, letter(2).id, "--yes")

    assert str(refused.value) == "marked to be tried again: 1; left out: 1 (queued, they follow by themselves: 1)"
    assert refused.value.returncode == 1
    assert states() == ["retry", "queued", "parked"]


def test_only_what_can_be_retried_is_retried_by_a_filter() -> None:
    park("a", "a", "b")

    assert run("retry", "--group", "things", "--yes") == "marked to be tried again: 2\n"


def test_a_file_is_put_in_place_of_the_payload_and_retried(fixed: Path) -> None:
    recorder = park("a", note="broken")

    said = run("edit", letter().id, "--data", fixed, "--retry", "--yes")

    assert '-  "note": "broken"\n+  "note": "mended"' in said
    assert said.endswith("edited, and marked to be tried again\n")
    run_until_idle("things", recorder)
    assert recorder.handled[0].data == FIXED.replace(" ", "")


def test_the_payload_is_read_from_standard_input(says: Any) -> None:
    park("a")
    says(FIXED)

    said = run("edit", letter().id, "--data", "-", "--yes")

    assert said.endswith(f"edited; `dead_letters retry {letter().id}` has it tried again\n")
    assert (states(), letter().edited_data) == (["parked"], FIXED.replace(" ", ""))


def test_an_edit_is_shown_and_asked_for(fixed: Path, says: Any) -> None:
    park("a")
    before = rows()
    says("n")

    with pytest.raises(CommandError, match="nothing was changed"):
        run("edit", letter().id, "--data", fixed)

    assert rows() == before
    says("y", "n")
    run("edit", letter().id, "--data", fixed)
    assert (states(), letter().edited_version) == (["parked"], 1)
    fixed.write_text(FIXED.replace("mended", "again"))
    says("y", "y")
    run("edit", letter().id, "--data", fixed)
    assert states() == ["retry"]


def test_the_editor_opens_the_payload_until_it_fits(editor: Any, says: Any, capsys: pytest.CaptureFixture[str]) -> None:
    park("a", note="broken")
    opened = editor('{"name": "a", "versoin": 1}', FIXED)
    says("y", "y", "n")

    said = run("edit", letter().id)

    assert "$.versoin: there is no such field, only name, version, note" in said
    assert "Edit it again? [y/N]" in capsys.readouterr().out
    assert opened.read_text() == '{"name": "a", "versoin": 1}'  # What was written is not lost.
    assert letter().edited_data == FIXED.replace(" ", "")


def test_the_editor_begins_with_the_pretty_payload_and_leaving_it_changes_nothing(editor: Any) -> None:
    park("a", note="broken")
    before = rows()
    pretty = '{\n  "name": "a",\n  "version": 1,\n  "note": "broken"\n}'
    opened = editor(pretty)

    assert run("edit", letter().id) == "nothing was changed\n"

    assert opened.read_text() == pretty
    assert rows() == before


def test_giving_up_in_the_editor_says_what_was_wrong(editor: Any, says: Any) -> None:
    park("a")
    before = rows()
    editor("{}")
    says("n")

    with pytest.raises(CommandError, match=r"nothing was changed: \$.name: it is missing"):
        run("edit", letter().id)

    assert rows() == before


@pytest.mark.parametrize(
    ("visual", "said"), [("", "neither VISUAL nor EDITOR"), ("false", "the editor failed"), ("/no/editor", "failed")]
)
def test_an_editor_that_is_none_is_said(visual: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    park("a")
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("VISUAL", visual)

    with pytest.raises(CommandError, match=said):
        run("edit", letter().id)


def test_a_payload_that_does_not_fit_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
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
