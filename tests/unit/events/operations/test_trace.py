"""manage.py trace_event; the read model's tests have its effects."""

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events import record, unit_of_work
from events.envelope import Envelope
from events.exceptions import RetryLater, Unprocessable
from events.groups.ownership import CONSUMING, RETRYING, Condition, Ownership
from events.models import Checkpoint, ConsumerGroup, DeadLetter, LogEntry, Partition
from events.recording.collector import Collector, caused_by, collecting
from events.relay import flush as relay
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.things import Recorder, ThingMade, ThingMoved

pytestmark = pytest.mark.django_db

GROUP = "recorder"


class Teller(Recorder):
    """Can describe an event's effect, unless its target is down."""

    is_down = False

    def find_effect(self, envelope: Envelope) -> str:
        if Teller.is_down:
            raise RetryLater("the engine is down")
        return f"seen {envelope.subject}"


class Mover(Recorder):
    handles = (ThingMoved,)


class Causer(Recorder):
    """Moves things that are made."""

    def handle(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            if envelope.type == "thing.made":
                with caused_by(envelope), unit_of_work():
                    record(ThingMoved(name=envelope.subject, version=2))


@pytest.fixture(autouse=True)
def _groups(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Teller, "is_down", False)
    settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.things.Recorder"}


@pytest.fixture
def row(stream: Stream) -> LogEntry:
    """Record three events, and return the row of the second."""
    with collecting(Collector(correlation_id="request-1", actor=lambda: "ada")), unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(1, 4)))
    relay.sweep(stream, 0)
    return LogEntry.objects.get(place__position=2)


def say(event: object, *arguments: str) -> list[str]:
    said = StringIO()
    call_command("trace_event", str(event), *arguments, stdout=said)
    return said.getvalue().splitlines()


def trace(row: LogEntry) -> Any:
    return json.loads("\n".join(say(row.event_id, "--json")))


def group(row: LogEntry) -> tuple[str, str]:
    [found] = trace(row)["groups"]
    return found["state"], found["detail"]


def test_a_handled_event_is_traced_from_the_log_to_its_groups(row: LogEntry) -> None:
    run_until_idle(GROUP)
    handled_at = Checkpoint.objects.get().updated_at
    first, _, third = LogEntry.objects.order_by("place__position").values_list("event_id", flat=True)

    assert say(row.event_id) == [
        "thing.made of thing-2, version 1",
        f"  id           {row.event_id}",
        f"  recorded     {row.time.isoformat(sep=' ')} by ada",
        "  correlation  request-1",
        "  position     2, partition 0",
        "  stream       there",
        f"recorder: handled (by {handled_at.isoformat(sep=' ')})",
        "correlated: 2 events",
        f"  {first} thing.made of thing-1",
        f"  {third} thing.made of thing-3",
    ]


@pytest.mark.parametrize("event", ["2", "0:2"])
def test_a_position_names_an_event_too(event: str, row: LogEntry) -> None:
    assert say(event) == say(row.event_id)


def test_with_several_partitions_a_position_needs_its_partition(row: LogEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.management.commands.trace_event.partition_count", lambda: 2)

    with pytest.raises(CommandError, match="there are 2 partitions: write PARTITION:2") as refused:
        say("2")

    assert refused.value.returncode == 2
    assert say("0:2")[0] == "thing.made of thing-2, version 1"


@pytest.mark.parametrize("event", ["01a20d1f-0d7a-7433-8b6f-cb42fb3d7116", "4", "1:2"])
def test_an_unknown_event_is_reported(event: str, row: LogEntry) -> None:
    with pytest.raises(CommandError, match="The log has no such event") as failed:
        say(event)

    assert failed.value.returncode == 1


@pytest.mark.parametrize("event", ["x", "2:", ":2", "1:2:3", "017f22e2-79b0"])
def test_a_malformed_id_is_a_wrong_argument(event: str, row: LogEntry) -> None:
    with pytest.raises(CommandError, match=f"argument ID: {event!r} is not an event's id"):
        say(event)


class TestStream:
    def test_an_event_without_a_position_is_not_on_the_stream_yet(self, stream: Stream) -> None:
        with unit_of_work():
            record(ThingMade(name="new"))

        found = trace(LogEntry.objects.get())

        assert found["stream"] == "not yet: it has no position, which relay_events gives"
        assert found["groups"][0]["detail"] == "for its position; no process of the group runs"

    def test_an_event_that_is_not_appended_yet(self, row: LogEntry, stream: Stream) -> None:
        stream.delete(0)

        assert trace(row)["stream"] == "not yet: the stream ends at 0, and relay_events appends"

    @pytest.mark.parametrize("left", [1, 0])
    def test_a_trimmed_event(self, left: int, row: LogEntry, stream: Stream) -> None:
        stream.trim(0, length=left)

        assert trace(row)["stream"] == "trimmed; readers find it in the log"

    def test_an_event_lost_from_the_middle_of_the_stream(self, row: LogEntry, stream: Stream) -> None:
        stream._client.xdel(stream.key(0), "2-0")

        assert trace(row)["stream"] == "lost; readers find it in the log"

    def test_a_foreign_entry_in_the_event_s_place(self, row: LogEntry, stream: Stream) -> None:
        stream.delete(0)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="2-0")

        assert trace(row)["stream"] == "a foreign entry is in its place"

    def test_a_diverged_stream(self, row: LogEntry, stream: Stream) -> None:
        stream.delete(0)
        Partition.objects.update(divergence="somebody wrote there")

        assert trace(row)["stream"].startswith("not there: the stream has diverged: somebody wrote there; ")

    def test_redis_is_down(self, row: LogEntry, settings: Settings) -> None:
        settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"

        assert trace(row)["stream"].startswith("not known: Redis does not answer")


class TestGroups:
    def test_it_waits_for_a_process(self, row: LogEntry) -> None:
        assert group(row) == ("waiting", "1 are before it; no process of the group runs")

    def test_it_waits_while_the_group_is_paused(self, row: LogEntry) -> None:
        ConsumerGroup.objects.create(name=GROUP, paused=True)

        assert group(row) == ("waiting", "1 are before it; the group is paused")

    @pytest.mark.parametrize(
        ("condition", "said"),
        [
            (Condition(CONSUMING), "its owner is consuming"),
            (Condition(RETRYING, "RetryLater: down"), "retrying after RetryLater: down"),
        ],
    )
    def test_it_waits_for_the_owner(self, condition: Condition, said: str, row: LogEntry) -> None:
        owner = Ownership(GROUP, "one")
        owner.condition = condition
        owner.heartbeat()
        assert group(row) == ("waiting", "1 are before it; no process owns the partition")

        owner.acquire(0)

        assert group(row) == ("waiting", f"1 are before it; {said}")

    def test_it_is_being_retried(self, row: LogEntry) -> None:
        Checkpoint.objects.create(group=GROUP, partition=0, position=1, failed_position=2, attempts=3)

        assert group(row) == ("tried again", "failed 3 times; no process of the group runs")

    def test_it_is_parked(self, row: LogEntry) -> None:
        recorder = Recorder()
        recorder.refuses = {"thing-2": Unprocessable("too blue")}
        run_until_idle(GROUP, recorder)
        letter = DeadLetter.objects.get()

        assert group(row) == (f"dead letter {letter.id}, parked", "Unprocessable: too blue; 1 attempts")

    def test_it_is_discarded_with_a_reason(self, row: LogEntry) -> None:
        letter = DeadLetter.objects.create(
            group=GROUP, partition=0, position=2, event_id=row.event_id, state=DeadLetter.State.DISCARDED
        )
        letter.actions.create(actor="ada", action="discarded", detail="a test")

        assert group(row) == (f"dead letter {letter.id}, discarded", "by ada: a test; 1 attempts")

    def test_the_group_does_not_handle_its_type(self, row: LogEntry, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = {"mover": f"{__name__}.Mover"}

        assert group(row) == ("not handled by this group", "")

    def test_each_target_is_traced(self, row: LogEntry) -> None:
        for target, position in (("new", 1), ("old", 3)):
            Checkpoint.objects.create(group=GROUP, target=target, partition=0, position=position)

        found = {point["target"]: point["state"] for point in trace(row)["groups"]}

        assert found == {"new": "waiting", "old": "handled"}


class TestEffect:
    @pytest.fixture(autouse=True)
    def _teller(self, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = {
            "mover": f"{__name__}.Mover",
            "teller": f"{__name__}.Teller",
        }

    def test_effects_are_described_by_the_groups_that_can(self, row: LogEntry) -> None:
        assert trace(row)["effects"] == {"teller": "seen thing-2"}
        assert "  effect       seen thing-2" in say(row.event_id)

    def test_a_target_that_is_down_hides_nothing_else(self, row: LogEntry) -> None:
        Teller.is_down = True

        assert trace(row)["effects"] == {"teller": "not known: the engine is down"}


def test_cause_and_caused_events_are_shown(row: LogEntry, stream: Stream) -> None:
    run_until_idle(GROUP, Causer())
    caused = LogEntry.objects.get(subject="thing-2", type="thing.moved")

    assert f"caused: 1 event\n  {caused.event_id} thing.moved of thing-2" in "\n".join(say(row.event_id))
    assert trace(caused)["cause"] == f"{row.event_id} thing.made of thing-2"


def test_only_the_first_few_related_events_are_listed(stream: Stream) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(9)))
    relay.sweep(stream, 0)

    said = say("1")

    assert "correlated: 8 events" in said
    assert said[-1] == "  and 3 more"
