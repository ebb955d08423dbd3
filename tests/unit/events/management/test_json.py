"""`--json` prints what docs/reference/json.md says; tests/integration has what needs Elasticsearch."""

import json
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from pytest_django import Settings

from events import record, unit_of_work
from events.groups.ownership import CONSUMING, Condition, Ownership
from events.management.commands import check_event_schemas
from events.models import Checkpoint, DeadLetter, LogEntry
from events.relay import flush as relay
from events.schemas.compatibility import Change
from events.stream.interface import Stream
from tests.documented_json import assert_documented, documented
from tests.things import ThingMade
from tests.tickets import issue
from tests.unit.events.management.test_command import COMMANDS
from tickets.models import Ticket

GROUP = "recorder"


@pytest.fixture
def _event(stream: Stream, settings: Settings) -> None:
    """An event that a group has handled, whose process owns the partition."""
    settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.things.Recorder"}
    with unit_of_work():
        record(ThingMade(name="one"))
    relay.sweep(stream, 0)
    Checkpoint.objects.create(group=GROUP, partition=0, position=1)
    ownership = Ownership(GROUP, "one")
    ownership.condition = Condition(CONSUMING)
    ownership.heartbeat()
    ownership.acquire(0)


def printed(*words: str) -> Any:
    said = StringIO()
    with suppress(SystemExit):  # The doctor may find a fault.
        call_command(*words, "--json", stdout=said)
    return json.loads(said.getvalue())


def test_each_command_with_the_option_is_on_the_page_and_no_other() -> None:
    with_option = {
        name
        for name in COMMANDS
        if "--json" in load_command_class(get_commands()[name], name).create_parser("manage.py", name).format_help()
    }

    assert documented().keys() == with_option | {"dead_letters"}  # Its subcommands have the option.


@pytest.mark.django_db
@pytest.mark.usefixtures("_event")
@pytest.mark.parametrize(
    "words",
    ["event_status", "doctor", "compact_events --older-than 1m", "settings_table", "dead_letters list --by-error"],
)
def test_a_list_or_lines_of_objects(words: str) -> None:
    DeadLetter.objects.create(group=GROUP, partition=0, position=1, entry_id="1-0", type="thing.made")
    command, *_ = words.split()
    tables = (2,) if "--by-error" in words else (0,)

    found = printed(*words.split())

    first, *_ = found if isinstance(found, list) else [found]
    assert_documented(command, first, *tables)


@pytest.mark.django_db
@pytest.mark.usefixtures("_event")
def test_the_way_of_an_event() -> None:
    found = printed("trace_event", str(LogEntry.objects.get().event_id))

    assert_documented("trace_event", found)
    assert found["event"]["type"] == "thing.made"
    assert found["event"]["data"]["name"] == "one"
    assert (found["event"]["partition"], found["event"]["position"]) == (0, 1)


@pytest.mark.django_db
@pytest.mark.usefixtures("_event")
def test_an_entry_of_the_stream() -> None:
    found = printed("tail_events")

    assert found["entry"] == "1-0"
    assert found["data"]["name"] == "one"


@pytest.mark.django_db
@pytest.mark.usefixtures("_event")
def test_a_dead_letter() -> None:
    letter = DeadLetter.objects.create(group=GROUP, partition=0, position=1, entry_id="1-0", type="thing.made")

    assert_documented("dead_letters", printed("dead_letters", "list"))
    assert_documented("dead_letters", printed("dead_letters", "show", str(letter.id)), 0, 1)


@pytest.mark.django_db
def test_a_difference_of_the_log(stream: Stream) -> None:
    Ticket.objects.filter(id=issue().id).update(seat="elsewhere")
    said = StringIO()

    with pytest.raises(CommandError, match="differences that remain: 1"):
        call_command("verify_log", "--json", stdout=said)

    assert_documented("verify_log", json.loads(said.getvalue()))


def test_changes_of_the_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_event_schemas, "changes", lambda *_: [Change("a field is gone", "put it back")])
    said = StringIO()

    with pytest.raises(CommandError, match="break readers"):
        call_command("check_event_schemas", "--json", stdout=said)

    assert_documented("check_event_schemas", json.loads(said.getvalue()))


def test_the_catalogue() -> None:
    assert_documented("event_catalogue", printed("event_catalogue"))


@pytest.mark.django_db
def test_the_report_of_an_import(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("code,title,venue,starts_at,seat,price,currency,holder_name,holder_email,status\nA,,,,,,,,,\n")
    said = StringIO()

    with pytest.raises(CommandError, match="Bad rows: 1"):
        call_command("import_tickets", str(file), "--json", stdout=said)

    found = json.loads(said.getvalue())
    assert_documented("import_tickets", found)
    assert (found["issued"], found["bad"], found["bad_rows"][0]["row"]) == (0, 1, 2)
