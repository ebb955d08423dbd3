"""The guarantees of compact_events on any servers; a test class of each tier derives from these."""

from datetime import timedelta

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Max
from django.utils import timezone
from pytest_django import Settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.dead_letters.parking import close, park
from events.exceptions import Unprocessable
from events.groups.checkpoint import Claim, advance, load
from events.groups.ownership import Ownership
from events.log.positions import give_positions
from events.models import Checkpoint, DeadLetter, LogEntry, Partition
from events.operations import compaction
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from events.stream.tail import EMPTY
from tests.things import Recorder, ThingMoved

GROUPS = {"readers": "tests.things.Recorder"}


def move(*things: str) -> None:
    """Record an event for each thing, with its next version, and give positions."""
    with unit_of_work():
        for name in things:
            newest = LogEntry.objects.filter(subject=name).aggregate(Max("aggregate_version", default=0))
            record(ThingMoved(name=name, version=newest["aggregate_version__max"] + 1))
    give_positions(0)


def handled(*, to: int, group: str = "readers", target: str = "") -> None:
    claim = Claim(group, target, 0, epoch=0)
    advance(claim, to, after=load(claim))


def compact(age: str = "0m", **options: bool) -> None:
    call_command("compact_events", f"--older-than={age}", **options)


def consume(reader: Recorder, stream: Stream) -> None:
    Consumer(reader, stream, Ownership("readers", "one"), shutdown=Shutdown(), limits=Limits()).run(until_idle=True)


def positions() -> list[int | None]:
    return list(LogEntry.objects.order_by("place__position").values_list("place__position", flat=True))


def compacted_to() -> int:
    return Partition.objects.get().compacted_to


@pytest.mark.django_db(transaction=True)
class CompactionContract:
    @pytest.fixture(autouse=True)
    def _declared_group(self, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = GROUPS

    def test_replaced_events_are_dropped_and_the_newest_stay(self) -> None:
        move("a", "b", "a", "c", "a", "b")
        handled(to=6)

        compact()

        assert positions() == [4, 5, 6]
        assert compacted_to() == 6

    def test_a_second_run_drops_nothing_and_a_later_one_continues_there(self) -> None:
        move("a", "a")
        handled(to=2)
        compact()
        compact()
        assert positions() == [2]

        move("a", "b")
        handled(to=4)
        compact()

        assert positions() == [3, 4]

    def test_the_replacing_event_must_be_old_enough_too(self) -> None:
        move("a", "a", "b", "a")
        LogEntry.objects.filter(place__position__lte=3).update(time=timezone.now() - timedelta(days=90, minutes=1))
        handled(to=4)

        compact("90d")

        assert positions() == [2, 3, 4]
        assert compacted_to() == 3

    @pytest.mark.parametrize(("age", "left"), [("3h", [1, 2]), ("2h", [2]), ("121m", [1, 2]), ("119m", [2])])
    def test_ages_are_days_hours_or_minutes(self, age: str, left: list[int]) -> None:
        move("a", "a")
        LogEntry.objects.update(time=timezone.now() - timedelta(hours=2))
        handled(to=2)

        compact(age)

        assert positions() == left

    @pytest.mark.parametrize("age", ["90", "d", "-1d", "1w", "1.5h", ""])
    def test_a_malformed_age_is_refused(self, age: str) -> None:
        with pytest.raises(CommandError, match="is not an age such as 90d, 12h or 30m"):
            compact(age)

    def test_an_age_is_required(self) -> None:
        with pytest.raises(CommandError, match="required: --older-than"):
            call_command("compact_events")

    def test_it_stops_at_the_lowest_checkpoint_of_all_declared_groups_and_targets(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.EVENTS_SUBSCRIBERS = GROUPS | {"others": "tests.things.Recorder"}
        move("a", "a", "a", "a", "a")
        handled(to=5)
        handled(to=4, group="others", target="new")
        handled(to=2, group="others", target="old")
        handled(to=0, group="not declared")

        call_command("compact_events", "--older-than=0m", json=True)

        assert positions() == [2, 3, 4, 5]
        assert msgspec.json.decode(capsys.readouterr().out) == [
            {"partition": 0, "dropped": 1, "compacted_to": 2, "floor": 2, "held_by": "others old", "last_position": 5}
        ]

    def test_a_declared_group_without_a_checkpoint_stops_it_with_an_error(self, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = GROUPS | {"never run": "tests.things.Recorder"}
        move("a", "a")
        handled(to=2)

        with pytest.raises(CommandError, match="never run in partition 0: A declared group has no checkpoint"):
            compact()

        assert positions() == [1, 2]
        assert compacted_to() == 0

    def test_it_stops_at_the_checkpoint_of_a_target_that_appears_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compaction, "STEP_ROWS", 2)
        move("a", "a", "a", "a", "a")
        handled(to=5)
        steps = compaction.compact(0, before=timezone.now(), dry_run=False)
        next(steps)
        load(Claim("readers", "new target", 0, epoch=0))

        assert list(steps) == []
        assert positions() == [2, 3, 4, 5]

    def test_a_dry_run_counts_what_the_run_then_drops(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compaction, "STEP_ROWS", 2)
        move("a", "b", "a", "a", "b", "a", "c", "b")
        handled(to=8)
        reports = []
        for dry_run in (True, False):
            call_command("compact_events", "--older-than=0m", dry_run=dry_run, json=True)
            [report] = msgspec.json.decode(capsys.readouterr().out)
            reports.append((report["dropped"], report["compacted_to"], len(positions())))

        assert reports == [(5, 8, 8), (5, 8, 3)]

    def test_an_event_without_a_position_is_not_dropped_and_replaces_nothing(self) -> None:
        move("a")
        with unit_of_work():
            record(ThingMoved(name="a", version=2), ThingMoved(name="b", version=1), ThingMoved(name="b", version=2))
        handled(to=1)

        compact()

        assert LogEntry.objects.count() == 4

    def test_the_event_of_an_open_dead_letter_is_kept(self) -> None:
        move("a", "a", "a")
        [parked] = log.read_after(0, 0, limit=1)
        park(Claim("readers", "", 0, epoch=0), parked, Unprocessable("it can't be handled"), attempts=1)
        handled(to=3)

        compact()

        assert positions() == [1, 3]

    def test_the_event_of_a_closed_dead_letter_is_dropped(self) -> None:
        move("a", "a", "a")
        claim = Claim("readers", "", 0, epoch=0)
        [parked] = log.read_after(0, 0, limit=1)
        park(claim, parked, Unprocessable("it can't be handled"), attempts=1)
        handled(to=3)
        close(claim, DeadLetter.objects.get())

        compact()

        assert positions() == [3]


@pytest.mark.django_db(transaction=True)
class AfterCompactionContract:
    """Readers of the log and the stream end right after a compaction."""

    @pytest.fixture(autouse=True)
    def _compacted(self, stream: Stream, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = GROUPS
        move("a", "b", "a", "b", "b", "a", "c")
        relay.sweep(stream, 0)
        handled(to=7)
        compact()
        assert positions() == [5, 6, 7]

    def test_a_wiped_stream_is_filled_with_the_remaining_events(self, stream: Stream) -> None:
        stream._client.flushall()

        relay.sweep(stream, 0)
        move("a")
        relay.sweep(stream, 0)

        assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["5-0", "6-0", "7-0", "8-0"]

    def test_a_stream_that_ends_with_a_compacted_event_goes_on(self, stream: Stream) -> None:
        first = stream.entries(0, after="0", count=2)
        stream._client.flushall()
        stream.append(0, EMPTY, [entry.envelope for entry in first if entry.envelope])

        relay.sweep(stream, 0)

        assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["1-0", "2-0", "5-0", "6-0", "7-0"]

    @pytest.mark.parametrize("kept", [7, 0], ids=["with the old stream", "with one made anew"])
    def test_a_new_target_is_fed_from_the_start(self, stream: Stream, kept: int) -> None:
        if not kept:
            stream._client.flushall()
            relay.sweep(stream, 0)
        reader = Recorder()
        reader.target = "new"

        consume(reader, stream)

        newest = {envelope.subject: envelope.aggregate_version for envelope in reader.handled}
        assert newest == {"a": 3, "b": 3, "c": 1}
        assert Checkpoint.objects.get(group="readers", target="new").position == 7

    def test_compacted_positions_do_not_stop_a_group(self, stream: Stream) -> None:
        move("a")
        relay.sweep(stream, 0)
        reader = Recorder()

        consume(reader, stream)

        assert reader.positions == [8]
