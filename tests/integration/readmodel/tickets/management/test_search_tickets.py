"""Run `manage.py search_tickets` on a real Elasticsearch."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.readmodel.tickets.shelf import Shelf


def output_of(*arguments: str) -> str:
    output = StringIO()
    call_command("search_tickets", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture(autouse=True)
def _wide_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_prints_a_table_with_the_number_of_all_hits(shelf: Shelf) -> None:
    shelf.hold(*({"title": f"Kafka Night {number}", "code": f"K{number}"} for number in range(3)))

    output = output_of("kafka night", "--page", "2", "--page-size", "2", "--status", "issued")

    assert "Kafka Night 2" in output
    assert "2027-05-01 20:00 UTC" in output
    assert output.endswith("3 to 3 of 3 tickets\n")


def test_marks_matches_on_a_terminal(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    shelf.hold({"title": "The <Kafka> Night"})

    assert "The <\x1b[1;33mKafka\x1b[0m> Night" in output_of("kafka")


def test_control_characters_of_a_title_do_not_reach_the_terminal(shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka \x1b]0;owned\x07 Night"})

    output = output_of("")

    assert r"Kafka \u001b]0;owned\u0007 Night" in output
    assert "\x1b" not in output


def test_prints_json_with_the_documents(shelf: Shelf) -> None:
    shelf.hold({"title": "Zoë"})

    page = json.loads(output_of("zoë", "--json"))

    assert page["count"] == 1
    assert page["results"][0]["title"] == "Zoë"
    assert page["results"][0]["highlights"] == {"title": ["<mark>Zoë</mark>"]}


def test_filters_and_sorts(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "a", "venue": "Arena", "price": "30"},
        {"title": "b", "venue": "Hall", "status": "canceled", "price": "20"},
        {"title": "c", "venue": "Hall", "currency": "USD"},
        {"title": "d", "venue": "Club"},
    )

    def titles(*options: str) -> str:
        return "".join(result["title"] for result in json.loads(output_of("", "--json", *options))["results"])

    assert titles("--venue=Arena", "--venue=Hall", "--sort=price") == "bac"
    assert titles("--status=canceled", "--status=issued", "--price-min=20", "--currency=EUR", "--sort=-price") == "ab"
    assert titles("--price-max=19.99", "--currency=USD") == "c"
    assert titles("--starts-from=2027-05-02", "--time-zone=Pacific/Kiritimati", "--venue=Club") == "d"


@pytest.mark.parametrize(
    ("option", "message"),
    [("--price-min=cheap", "'cheap' is not a number"), ("--starts-to=soon", "starts_to: Give a date")],
)
def test_invalid_filters_are_named(option: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("search_tickets", "", option)


@pytest.mark.parametrize(("options", "said"), [([], "No ticket matches 'x[b]'.\n"), (["--json"], '"count": 0')])
def test_a_search_without_hits_says_so_with_exit_code_1(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        call_command("search_tickets", "x[b]", *options)

    assert raised.value.code == 1
    assert said in capsys.readouterr().out


def test_a_page_beyond_the_last_is_reported(shelf: Shelf) -> None:
    shelf.hold({})

    assert output_of("kafka", "--page", "2") == "There is no page 2: the number of tickets found is 1.\n"


def test_a_failed_search_is_explained_with_exit_code_2(settings: Any) -> None:
    with pytest.raises(CommandError, match="page_size: Must be from 1 to 100, not 101.") as refused:
        call_command("search_tickets", "kafka", "--page-size", "101")
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="Elasticsearch does not answer") as unanswered:
        call_command("search_tickets", "kafka")

    assert (refused.value.returncode, unanswered.value.returncode) == (2, 2)
