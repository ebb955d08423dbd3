"""The catalogue of events, from their classes, the subscribers and the source code."""

import ast

import msgspec
import pytest
from django.core.management import call_command
from pytest_django import Settings

from events.schemas.call_sites import _calls
from events.schemas.catalogue import CatalogueEvent, CatalogueField, catalogue
from tests.things import Recorder, ThingMoved


class Mover(Recorder):
    handles = (ThingMoved,)


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"movers": f"{__name__}.Mover", "all": "tests.things.Recorder"}


def event(name: str) -> CatalogueEvent:
    [found] = [event for event in catalogue().events if event.name == name]
    return found


def test_an_event_has_its_fields_and_its_groups() -> None:
    assert event("thing.moved") == CatalogueEvent(
        name="thing.moved",
        version=2,
        doc="A thing was moved.",
        fields=[
            CatalogueField("name", "string", required=True, doc=""),
            CatalogueField("version", "integer", required=False, doc=""),
            CatalogueField("note", "string", required=False, doc=""),
        ],
        made_in=[],  # Only by tests, which are not an installed app.
        handled_by=["all", "movers"],
    )
    assert event("thing.made").handled_by == ["all"]


def test_it_names_the_functions_that_make_an_event() -> None:
    assert event("ticket.issued").made_in == [
        "tickets.models.ticket.Ticket.issue_drafts",
        "tickets.models.ticket._cancellations",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "from shop.events import Sold\ndef sell():\n    record(Sold(1))",
        "from .events import Sold as Gone\ndef sell():\n    return [Gone(n) for n in range(3)]",
        "from shop import events\ndef sell():\n    x = events.Sold()",
        "import shop.events\ndef sell():\n    x = shop.events.Sold()",
        "import shop.events as facts\ndef sell():\n    x = facts.Sold()",
        "def sell():\n    from shop.events import Sold\n    x = Sold()",
    ],
)
def test_a_call_is_found_for_every_form_of_import(source: str) -> None:
    assert ("shop.events.Sold", "shop.models.sell") in _calls("shop.models", ast.parse(source), is_package=False)


def test_another_class_of_the_same_name_is_not_confused_with_it() -> None:
    source = "from elsewhere import Sold\ndef sell():\n    Sold()"

    assert dict(_calls("shop.models", ast.parse(source), is_package=False)) == {"elsewhere.Sold": "shop.models.sell"}


def test_json_has_the_whole_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("event_catalogue", "--json")

    assert msgspec.json.decode(capsys.readouterr().out) == msgspec.to_builtins(catalogue())


def test_the_table_names_events_fields_and_groups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    call_command("event_catalogue")

    printed = capsys.readouterr().out
    for part in (
        "thing.moved version 2",
        "note: string, optional",
        "movers",
        "tickets.models.ticket.Ticket.issue_drafts",
    ):
        assert part in printed
