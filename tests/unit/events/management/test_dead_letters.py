"""The command dead_letters: its output, its questions and its changes."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.dead_letters.actions import edit
from events.models import DeadLetter
from events.testing import run_until_idle
from tests.letters import FIXED, answer, foreign, letter, park, rows, run, states, trail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]


def found(*arguments: object) -> list[int | None]:
    """Return the positions of the listed letters, in order."""
    return [json.loads(line)["position"] for line in run("list", *arguments, "--json").splitlines()]


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")


def test_open_letters_are_listed_newest_first() -> None:
    park("a", "a", "b")
    DeadLetter.objects.filter(position=3).update(state="handled")

    assert found() == [2, 1]


def test_a_page_names_the_option_for_the_next_one() -> None:
    park("a", "b", "c")

    page = run("list", "--limit", 2)

    assert f"2 of 3; for the next ones add --before {letter(2).id}" in page
    assert found("--before", letter(2).id) == [1]
    assert "the next ones" not in run("list")


def test_the_table_shows_state_group_event_error_and_age() -> None:
    park("[bold]a[/]", error="status \x1b[31m422")

    table = run("list")

    for text in ("parked", "things", "thing.made", "[bold]a[/]", "Unprocessable: status \\u001b[31m422", "1", "0m"):
        assert text in table


def test_a_list_takes_one_query_without_the_long_columns() -> None:
    park("a", "b", "c")

    with CaptureQueriesContext(connection) as queries:
        found()

    assert len(queries) == 1
    assert not re.search("edited_data|traceback", queries[0]["sql"])


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


def test_a_malformed_age_is_refused() -> None:
    with pytest.raises(CommandError, match="'3' is not an age such as 90d, 12h or 30m"):
        run("list", "--older-than", "3")


def test_an_empty_result_is_reported_and_an_unknown_id_is_an_error() -> None:
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


def test_show_prints_all_that_is_known_of_a_letter() -> None:
    park("a", "a", note="broken\u202e")
    edit(letter(), FIXED, actor="ada")

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


def test_show_prints_all_that_is_known_of_a_letter_as_json() -> None:
    park("a", "a")
    edit(letter(), FIXED, actor="ada")

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
    assert "this event is no longer in the log" in run("show", letter().id)


def test_one_letter_is_retried_without_a_question() -> None:
    recorder = park("a", "a")

    assert run("retry", letter().id) == "marked to be retried: 1\n"

    run_until_idle("things", recorder)
    assert states() == ["handled", "handled"]
    assert trail()[1] == ("retry", "ada", "")


def test_several_letters_are_counted_before_the_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    park("a", "b", "c")
    before = rows()
    answer(monkeypatch, "n")

    with pytest.raises(CommandError, match="nothing was changed"):
        run("retry", "--group", "things")

    assert "3 dead letters will be marked to be retried. Do that? [y/N]" in capsys.readouterr().out
    assert rows() == before
    answer(monkeypatch, "y")
    assert "Unprocessable" in run("retry", "--group", "things")
    assert states() == ["retry"] * 3


def test_nothing_is_changed_if_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    park("a", "b")
    before = rows()
    answer(monkeypatch)

    with pytest.raises(
        CommandError, match="nobody can answer this question here; use --yes to do it without a question"
    ) as refused:
        run("discard", "--all", "--reason", "void")

    assert refused.value.returncode == 1
    assert rows() == before


def test_yes_skips_the_question_and_the_actor_is_recorded() -> None:
    park("a", "a", "b")

    said = run("discard", "--all", "--yes", "--reason", "sold elsewhere", "--actor", "grace")

    assert said == "discarded: 3\n"
    assert states() == ["discarded"] * 3
    assert trail(2) == [("discarded", "grace", "sold elsewhere")]


@pytest.mark.parametrize("arguments", [("retry", "--yes"), ("discard", "--yes", "--reason", "void")])
def test_a_selection_is_required(arguments: tuple[str, ...]) -> None:
    park("a")
    before = rows()

    with pytest.raises(CommandError, match="choose letters by ids") as refused:
        run(*arguments)

    assert refused.value.returncode == 2
    assert rows() == before


@pytest.mark.parametrize("arguments", [("discard", "1"), ("discard", "1", "--reason", " ")])
def test_a_reason_is_required(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--reason"):
        run(*arguments)


def test_letters_that_are_left_out_are_reported_as_a_failure() -> None:
    park("a", "a", "b")

    with pytest.raises(CommandError) as refused:
        run("retry", letter(1).id, letter(2).id, "--yes")

    assert str(refused.value) == "marked to be retried: 1; left out: 1 (queued, they follow by themselves: 1)"
    assert refused.value.returncode == 1
    assert states() == ["retry", "queued", "parked"]


def test_a_filter_retries_only_parked_letters() -> None:
    park("a", "a", "b")

    assert run("retry", "--group", "things", "--yes") == "marked to be retried: 2\n"
