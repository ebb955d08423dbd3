"""reset_group: its plan, its question and its effect; tests/faults/test_replay.py tests it under load."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from events import record, unit_of_work
from events.exceptions import CheckpointMissing, LeaseLost
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.log.positions import give_positions
from events.models import Checkpoint, DeadLetter, Lease, LogEntry, Partition
from events.operations.reset_group import ReplayRefused, plan_replay
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.things import Recorder, ThingMade, ThingMoved

pytestmark = pytest.mark.django_db

FIRST = datetime(2025, 5, 1, tzinfo=UTC)
GROUP = "recorder"


class Mover(Recorder):
    """Handles only moved things."""

    handles = (ThingMoved,)


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {
        GROUP: "tests.things.Recorder",
        "mover": f"{__name__}.Mover",
    }


@pytest.fixture
def log(stream: Stream) -> None:
    """Record six events, one per hour from FIRST on, of which the group has handled four."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(1, 5)))
        record(ThingMoved(name="thing-1", version=2), ThingMoved(name="thing-2", version=2))
    give_positions(0)
    for entry in LogEntry.objects.all():
        LogEntry.objects.filter(id=entry.id).update(time=FIRST + timedelta(hours=(entry.position or 0) - 1))
    Checkpoint.objects.create(group=GROUP, partition=0, position=4, failed_position=5, attempts=3)


def reset(*arguments: str) -> list[str]:
    said = StringIO()
    call_command("reset_group", *arguments, stdout=said)
    return said.getvalue().splitlines()


def position(group: str = GROUP, target: str = "") -> int:
    return Checkpoint.objects.get(group=group, target=target).position


@pytest.mark.usefixtures("log")
class TestPlan:
    def test_a_plan_back_shows_the_repeated_events(self) -> None:
        assert reset(GROUP, "--to", "1", "--yes") == [
            "recorder, partition 0: from 4 back to 1.",
            "  These are handled again: 3 thing.made.",
            "  They were recorded from 2025-05-01 01:00:00+0000 to 2025-05-01 03:00:00+0000.",
            "Handlers get these events again: messages that they send are sent again.",
            "recorder continues there.",
        ]

    def test_a_plan_forward_shows_the_skipped_events(self) -> None:
        Checkpoint.objects.update(position=2)

        assert reset(GROUP, "--to", "5", "--yes")[:2] == [
            "recorder, partition 0: from 2 forward to 5.",
            "  These are skipped: 2 thing.made, 1 thing.moved.",
        ]

    def test_events_of_other_types_are_counted_separately(self) -> None:
        Checkpoint.objects.create(group="mover", partition=0, position=6)

        assert reset("mover", "--to", "0", "--yes")[1:4] == [
            "  These are handled again: 2 thing.moved.",
            "  They were recorded from 2025-05-01 04:00:00+0000 to 2025-05-01 05:00:00+0000.",
            "  4 others are skipped: the group does not handle their types.",
        ]

    def test_compacted_events_and_dead_letters_are_counted(self) -> None:
        LogEntry.objects.filter(place__position__in=[1, 2]).delete()
        parked = LogEntry.objects.get(place__position=4)
        for state in (DeadLetter.State.PARKED, DeadLetter.State.HANDLED):
            DeadLetter.objects.create(
                group=GROUP, partition=0, position=parked.position, entry_id=f"{state}", state=state, error=""
            )

        said = reset(GROUP, "--to", "0", "--yes")

        assert "  2 are gone: newer events of the same aggregates have replaced them." in said
        assert "  1 dead letters among them stay open: only manage.py dead_letters closes them." in said

    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            ("0", 0),
            ("6", 6),
            ("2025-05-01T02:00:00Z", 2),
            ("2025-05-01T04:00:00+02:00", 2),
            ("2025-05-02T01:59:00+23:59", 2),
            ("2025-05-01T02:00:01Z", 3),
            ("2025-05-01", 0),
            ("2025-05-02", 6),
            ("2024-01-01", 0),
        ],
    )
    def test_a_time_is_the_first_event_recorded_then_or_later(self, to: str, expected: int) -> None:
        reset(GROUP, "--to", to, "--yes")

        assert position() == expected

    def test_an_age_is_a_time_before_now(self) -> None:
        LogEntry.objects.filter(place__position__gt=3).update(time=timezone.now() - timedelta(hours=1))
        LogEntry.objects.filter(place__position=2).update(time=timezone.now() - timedelta(hours=3))

        reset(GROUP, "--to", "2h", "--yes")

        assert position() == 3

    @pytest.mark.parametrize(
        "to", ["2025-05-01T02:00:00", "0001-01-01T00:00:00+01:00", "tomorrow", "-1", "2y", "1.5", ""]
    )
    def test_a_malformed_position_is_a_wrong_argument(self, to: str) -> None:
        with pytest.raises(CommandError, match="argument --to"):
            reset(GROUP, f"--to={to}", "--yes")

    def test_a_position_beyond_the_log_is_refused(self) -> None:
        with pytest.raises(CommandError, match="the log of partition 0 ends at 6"):
            reset(GROUP, "--to", "7", "--yes")

        assert position() == 4

    def test_a_checkpoint_above_the_log_can_be_set_back(self) -> None:
        Checkpoint.objects.update(position=9)

        assert reset(GROUP, "--to", "6", "--yes")[0] == "recorder, partition 0: from 9 back to 6."

    def test_a_group_that_never_ran_is_refused(self) -> None:
        with pytest.raises(CheckpointMissing):
            plan_replay("mover", 0)

    def test_with_several_partitions_a_position_needs_its_partition(self) -> None:
        Partition.objects.create(number=1)
        Checkpoint.objects.create(group=GROUP, partition=1)

        with pytest.raises(ReplayRefused, match="there are 2: name one with --partition"):
            plan_replay(GROUP, 1)

        assert [move.partition for move in plan_replay(GROUP, 1, partition=0).moves] == [0]
        assert [move.partition for move in plan_replay(GROUP, 0).moves] == [0, 1]
        assert [move.position for move in plan_replay(GROUP, FIRST).moves] == [0, 0]
        with pytest.raises(ReplayRefused, match="no partition 2"):
            plan_replay(GROUP, 0, partition=2)

    def test_one_target_or_all_can_be_set(self) -> None:
        Checkpoint.objects.create(group=GROUP, target="index", partition=0, position=6)

        reset(GROUP, "--to", "5", "--target", "index", "--yes")

        assert (position(), position(target="index")) == (4, 5)
        with pytest.raises(CommandError, match="no target 'other'; it has '', 'index'"):
            reset(GROUP, "--to", "5", "--target", "other", "--yes")
        reset(GROUP, "--to", "1", "--yes")
        assert (position(), position(target="index")) == (1, 1)


@pytest.mark.usefixtures("log")
def test_without_a_yes_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "n")

    with pytest.raises(CommandError, match="nothing was changed"):
        reset(GROUP, "--to", "0")

    assert position() == 4
    assert not Lease.objects.exists()


@pytest.mark.usefixtures("log")
def test_no_owner_moves_the_checkpoint_with_a_batch_in_flight() -> None:
    owner = Ownership(GROUP, "one")
    owner.heartbeat()
    assert owner.acquire(0)
    claim = Claim(GROUP, "", 0, owner.epochs[0])
    checkpoint.load(claim)

    reset(GROUP, "--to", "1", "--yes")

    with pytest.raises(LeaseLost):
        checkpoint.advance(claim, 5, after=1)
    owner.heartbeat()
    assert not owner.owns(0)
    assert owner.acquire(0)
    assert checkpoint.load(Claim(GROUP, "", 0, owner.epochs[0])) == 1


@pytest.mark.usefixtures("log")
def test_the_attempts_of_a_failing_event_are_reset() -> None:
    reset(GROUP, "--to", "3", "--yes")

    row = Checkpoint.objects.get()
    assert (row.failed_position, row.attempts) == (None, 0)


@pytest.mark.usefixtures("log")
def test_the_group_continues_at_the_new_position() -> None:
    run_until_idle(GROUP, first := Recorder())
    assert first.positions == [5, 6]

    reset(GROUP, "--to", "2", "--yes")

    run_until_idle(GROUP, second := Recorder())
    assert second.positions == [3, 4, 5, 6]
    assert position() == 6


@pytest.mark.usefixtures("log")
def test_it_works_while_redis_is_down(settings: Settings) -> None:
    settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"

    reset(GROUP, "--to", "2", "--yes")

    assert position() == 2


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(CommandError, match="no group 'recoder'"):
        reset("recoder", "--to", "0", "--yes")
