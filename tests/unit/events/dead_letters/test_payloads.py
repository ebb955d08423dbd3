"""Payloads of dead letters: formatted, compared, and checked against the event's class."""

import json
from typing import Any

import msgspec
import pytest

from events.dead_letters.payload_edits import EditRefused, accept, draft
from events.dead_letters.payload_text import compare, cut, pretty
from events.event import event_type
from events.texts.printable import printable
from tests.things import ThingMade
from tests.ticket_events import envelope_of, ticket
from tickets.events import TicketIssued

ISSUED = envelope_of(TicketIssued(ticket=ticket()))


def edited(**fields: Any) -> str:
    """Return the payload of an issued ticket with changed fields."""
    data = json.loads(ISSUED.data)
    data["ticket"] |= fields
    return json.dumps(data)


def problems(text: str) -> dict[str, str]:
    with pytest.raises(EditRefused) as refused:
        accept(ISSUED, text)
    return refused.value.problems


def test_the_draft_is_accepted_and_encoded_by_the_class() -> None:
    assert accept(ISSUED, draft(ISSUED)) == (ISSUED.data, 2)


def test_all_problems_are_reported_at_once_with_their_places() -> None:
    found = problems(edited(price="cheap", startsAt=None, starts_at="soon", status=["issued"]))

    assert found.keys() == {"$.ticket.price", "$.ticket.startsAt", "$.ticket.starts_at", "$.ticket.status"}
    assert found["$.ticket.price"] == "Invalid decimal string"
    assert found["$.ticket.startsAt"].startswith("there is no such field; the fields are id, code, title, ")


def test_a_missing_field_has_a_place_too() -> None:
    data = json.loads(ISSUED.data)
    del data["ticket"]["seat"]

    assert problems(json.dumps(data)) == {"$.ticket.seat": "it is missing"}


def test_the_place_of_a_syntax_error_is_its_line() -> None:
    assert problems(draft(ISSUED).replace('"seat": ', '"seat" ')) == {
        "$": "not JSON: Expecting ':' delimiter in line 9, column 12"
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5_000, "a number has too many digits"),
        (edited(version=10**4_000), "it must stay 1"),
        (edited(seat="a\0b"), "U+0000 or a lone surrogate"),
        (edited(seat="\ud800"), "JSON is malformed"),
        ('"\0"', "U+0000 or a lone surrogate"),
        ('"\ud800"', "U+0000 or a lone surrogate"),
        (edited(price="NaN"), "JSON has no number NaN"),
        (edited(price=float("nan")), "malformed"),
    ],
)
def test_json_that_no_reader_could_read_is_refused(text: str, problem: str) -> None:
    assert problem in str(problems(text))


def test_pretty_keeps_numbers_and_scripts_unchanged() -> None:
    assert pretty('{"n":1.00000000000000000001,"t":"שלום 🎫"}') == (
        '{\n  "n": 1.00000000000000000001,\n  "t": "שלום 🎫"\n}'
    )
    assert pretty("no { JSON") == "no { JSON"


def test_control_characters_are_replaced_for_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x9b1mc\u202ed\te\n🎫") == "a\\u001b[2Jb\\u009b1mc\\u202ed\te\n🎫"


def test_long_text_is_cut_with_a_note() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef" * 200, 3) == "abc\n[cut: 1,200 characters]"


def test_only_differences_are_shown_with_some_context() -> None:
    before = {"numbers": list(range(40))}
    after = {"numbers": [-1 if number in {7, 30} else number for number in range(40)]}

    lines = compare(json.dumps(before), json.dumps(after))

    assert [line for line in lines if line[0] in "+-"] == ["-    7,", "+    -1,", "-    30,", "+    -1,"]
    assert [line.strip() for line in lines[:4]] == ["...", "4,", "5,", "6,"]
    assert len(lines) == 18
    assert compare("{}", "{ }") == []


def test_a_small_change_of_a_large_payload_is_found_and_a_large_one_is_not_compared() -> None:
    before = list(range(100_000))
    after = [*before[:50_000], -1, *before[50_001:]]

    assert [line for line in compare(json.dumps(before), json.dumps(after)) if line[0] in "+-"] == [
        "-  50000,",
        "+  -1,",
    ]
    assert compare(json.dumps(before), json.dumps(before[::-1])) == ["[too much has changed to show the differences]"]


def test_problems_inside_optional_fields_and_lists_are_found(clean_registry: None) -> None:
    class Part(msgspec.Struct):
        weight: int

    @event_type("thing.built")
    class ThingBuilt(ThingMade, frozen=True, kw_only=True):
        parts: list[Part] = []
        spare: Part | None = None

    built = envelope_of(ThingBuilt(name="a"))
    with pytest.raises(EditRefused) as refused:
        accept(built, '{"name": "a", "parts": [{"weight": 1}, {"wait": 2, "weight": "3"}], "spare": {}}')

    assert refused.value.problems == {
        "$.parts[1].wait": "there is no such field; the fields are weight",
        "$.parts[1].weight": "Expected `int`, got `str`",
        "$.spare.weight": "it is missing",
    }
    assert accept(built, '{"name": "a", "spare": null}').data.endswith('"spare":null}')
