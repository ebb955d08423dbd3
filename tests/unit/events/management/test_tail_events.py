"""manage.py tail_events and trim_stream."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events import record, unit_of_work
from events.log.partitions import forget_layout
from events.management.commands import tail_events
from events.models import LogEntry, Partition
from events.relay import flush as relay
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.things import Recorder, ThingMade, ThingMoved

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def filled(stream: Stream) -> Stream:
    """Fill the stream with 30 entries: things 1 to 15 are made, then moved."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(1, 16)))
        record(*(ThingMoved(name=f"thing-{number}", version=2) for number in range(1, 16)))
    relay.sweep(stream, 0)
    return stream


def say(command: str, *arguments: str) -> list[str]:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue().splitlines()


def tail(*arguments: str) -> list[int]:
    """Return the positions of the printed entries."""
    return [int(line.partition("-")[0]) for line in say("tail_events", *arguments)]


@pytest.mark.parametrize(
    ("arguments", "positions"),
    [
        ("", range(21, 31)),
        ("--count 3", range(28, 31)),
        ("--from 0", range(1, 31)),
        ("--from 28", range(28, 31)),
        ("--from 28-0 --count 2", range(28, 30)),
        ("--type thing.made", range(6, 16)),
        ("--type thing.made --count 2", range(14, 16)),
        ("--from 0 --type thing.moved --subject thing-2 --subject thing-4", [17, 19]),
        ("--subject thing-2", [2, 17]),
        ("--type thing.made --type thing.moved --subject thing-2", [2, 17]),
        ("--type no.such", []),
    ],
)
def test_it_prints_the_selected_entries(arguments: str, positions: range | list[int]) -> None:
    assert tail(*arguments.split()) == list(positions)


def test_json_has_the_fields_of_the_entry() -> None:
    [line] = say("tail_events", "--json", "--count", "1")

    said = json.loads(line)
    assert (said["entry"], said["type"], said["data"]["name"]) == ("30-0", "thing.moved", "thing-15")


def test_a_foreign_entry_is_shown_unless_there_is_a_filter(filled: Stream) -> None:
    filled._client.xadd(filled.key(0), {"KEY": "VALUE"}, id="31-7")

    assert say("tail_events", "--count", "1") == ["31-7  not an entry of the log"]
    assert tail("--type", "thing.moved", "--count", "1") == [30]


@pytest.mark.parametrize("left", [30, 0])
def test_from_now_on_prints_only_new_entries(left: int, filled: Stream) -> None:
    filled.trim(0, length=left)
    start = tail_events._start(filled, 0, "$")
    with unit_of_work():
        record(ThingMade(name="late"))
    relay.sweep(filled, 0)

    assert next(tail_events._later(filled, {0: start}, follow=True)).entry.id == "31-0"


@pytest.fixture
def _two_partitions(filled: Stream) -> Iterator[None]:
    Partition.objects.create(number=1, parent=0, parent_position=30)
    forget_layout()
    yield
    forget_layout()


@pytest.mark.usefixtures("_two_partitions")
def test_the_newest_of_several_partitions_are_those_recorded_last(filled: Stream) -> None:
    names = [f"late-{number}" for number in range(8)]
    with unit_of_work():
        record(*(ThingMade(name=name) for name in names))
    for partition in (0, 1):
        relay.sweep(filled, partition)
    places = {LogEntry.objects.get(subject=name).place.partition for name in names}

    lines = say("tail_events", "--count", "8")

    assert places == {0, 1}
    assert sorted(line.split("  ")[3] for line in lines) == names
    assert {int(line.partition(":")[0]) for line in lines} == places


@pytest.mark.parametrize("start", ["-1", "x", "1-", "$$"])
def test_a_malformed_position_is_a_wrong_argument(start: str) -> None:
    with pytest.raises(CommandError, match="argument --from"):
        tail(f"--from={start}")


class TestTrim:
    def test_it_shows_what_it_removes_and_leaves_exactly_the_length(self, filled: Stream) -> None:
        assert say("trim_stream", "--length", "4", "--yes") == [
            "tickets: removes the oldest 26 of 30 entries, from 1-0 on.",
            "Groups that have not read these events yet read them from the log.",
            "26 entries removed.",
        ]
        assert [entry.id for entry in filled.entries(0, after="0", count=9)] == ["27-0", "28-0", "29-0", "30-0"]

    def test_the_default_length_is_the_setting(self, filled: Stream, settings: Settings) -> None:
        settings.EVENTS_STREAM_MAX_LENGTH = 7

        say("trim_stream", "--yes")

        assert filled.length(0) == 7

    def test_a_shorter_stream_stays_unchanged(self, filled: Stream) -> None:
        assert say("trim_stream") == ["No partition has more than 100,000 entries, so nothing is removed."]

    def test_without_a_yes_nothing_changes(self, filled: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda _question: "")

        with pytest.raises(CommandError, match="nothing was changed"):
            say("trim_stream", "--length", "0")

        assert filled.length(0) == 30

    def test_groups_read_trimmed_events_from_the_log(self, filled: Stream) -> None:
        say("trim_stream", "--length", "0", "--yes")

        run_until_idle("recorder", recorder := Recorder())

        assert recorder.positions == list(range(1, 31))

    def test_an_unreachable_redis_is_reported(self, settings: Settings) -> None:
        settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"

        with pytest.raises(CommandError, match="Redis does not answer"):
            say("trim_stream", "--yes")
