"""reset_stream: its plan, its question and its effect; tests/faults/test_divergence.py tests it with processes."""

import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events import record, unit_of_work
from events.exceptions import Diverged, LeaseLost, RetryLater
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.models import Checkpoint, LogEntry, Partition
from events.operations.repartitioning import execute_repartitioning, plan_repartitioning
from events.operations.reset_stream import ResetRefused, execute_reset, plan_reset
from events.relay import flush as relay
from events.relay import signing_keys
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db


class Forgetful(Recorder):
    """Has a target that can be discarded."""

    targets = 1
    is_down = False

    def open(self) -> str:
        return f"target-{Forgetful.targets}"

    def forget(self) -> None:
        if Forgetful.is_down:
            raise RetryLater("it is down")
        Forgetful.targets += 1


@pytest.fixture(autouse=True)
def _groups(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Forgetful, "targets", 1)
    monkeypatch.setattr(Forgetful, "is_down", False)
    settings.EVENTS_SUBSCRIBERS = {
        "forgetful": f"{__name__}.Forgetful",
        "recorder": "tests.things.Recorder",
    }


@pytest.fixture
def diverged(stream: Stream) -> Stream:
    """Create three entries, and two groups that have handled two of the events."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(3)))
    relay.sweep(stream, 0)
    Checkpoint.objects.create(group="forgetful", target="target-1", partition=0, position=2)
    Checkpoint.objects.create(group="recorder", partition=0, position=2)
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="9-0")
    return stream


@pytest.fixture
def restored(diverged: Stream) -> Stream:
    """Restore the log, but not the checkpoints, to its first event."""
    LogEntry.objects.filter(place__position__gt=1).delete()
    Partition.objects.update(last_position=1)
    return diverged


def answer(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: said)


def reset(*options: str) -> list[str]:
    said = StringIO()
    call_command("reset_stream", *options, stdout=said)
    return said.getvalue().splitlines()


def checkpoints() -> dict[tuple[str, str], int]:
    rows = Checkpoint.objects.values_list("group", "target", "position")
    return {(group, target): position for group, target, position in rows}


def test_it_shows_what_it_will_do(diverged: Stream) -> None:
    assert reset("--yes") == [
        "Partition 0 has not diverged.",
        "  The key tickets is deleted, with 4 entries and its groups.",
        "  relay_events sends 3 events again, up to position 3.",
        "  The group forgetful is created again in partition 0, at 2.",
        "  The group recorder is created again in partition 0, at 2.",
        "The stream is reset; relay_events fills it.",
    ]


@pytest.mark.parametrize("said", ["", "n", "what?"])
def test_without_a_yes_nothing_changes(said: str, diverged: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, said)

    with pytest.raises(CommandError, match="nothing was changed"):
        reset()

    assert diverged.length(0) == 4
    assert Partition.objects.get().generation == 0


def test_after_a_yes_the_relay_fills_the_stream_and_groups_continue(
    diverged: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "y")

    reset()
    relay.sweep(diverged, 0)

    assert [entry.id for entry in diverged.entries(0, after="0", count=10)] == ["1-0", "2-0", "3-0"]
    read = diverged.read("recorder", "one", [0], count=10, block_seconds=0.01)
    assert [entry.id for entry in read[0]] == ["3-0"]
    assert checkpoints() == {("forgetful", "target-1"): 2, ("recorder", ""): 2}


def test_a_restored_log_is_recognized_by_events_below_a_foreign_entry(restored: Stream) -> None:
    said = reset("--yes")

    assert said[0].startswith("The log was restored from a backup")
    assert "  The last 2 events of the stream are not in the log." in said
    assert said[-3].endswith("at 0; what it has written is deleted, and written again from the start of the log.")
    assert said[-2].endswith("at 1; what it did for lost events can't be undone.")


def test_after_a_restore_targets_are_new_and_no_checkpoint_exceeds_the_log(restored: Stream) -> None:
    reset("--yes")

    assert checkpoints() == {("recorder", ""): 1}
    assert Forgetful().open() == "target-2"


def test_a_reset_that_a_target_prevents_leaves_the_stream_diverged_and_can_be_repeated(restored: Stream) -> None:
    Forgetful.is_down = True
    with pytest.raises(CommandError, match="run it again: it is down"):
        reset("--yes")
    restored._client.flushall()  # The evidence of the restore is gone, but the database has stored it.
    with pytest.raises(Diverged):
        relay.sweep(restored, 0)
    Forgetful.is_down = False

    reset("--yes")

    assert Forgetful().open() == "target-2"
    assert relay.sweep(restored, 0) == 1


@pytest.mark.parametrize("group", ["forgetful", "recorder"])
def test_a_handler_in_flight_moves_no_checkpoint_after_a_reset(restored: Stream, group: str) -> None:
    owner = Ownership(group, "one")
    owner.heartbeat()
    assert owner.acquire(0)
    target = "target-1" if group == "forgetful" else ""
    claim = Claim(group, target, 0, owner.epochs[0])

    reset("--yes")
    Partition.objects.update(last_position=5)  # The positions of the lost events were given again.

    with pytest.raises(LeaseLost):
        checkpoint.advance(claim, 3, after=1)
    owner.heartbeat()
    assert not owner.owns(0)
    assert max(checkpoints().values()) == 1


def test_a_stream_that_is_reset_fences_groups_that_keep_their_targets(diverged: Stream) -> None:
    owner = Ownership("recorder", "one")
    owner.heartbeat()
    assert owner.acquire(0)

    reset("--yes")

    with pytest.raises(LeaseLost):
        checkpoint.advance(Claim("recorder", "", 0, owner.epochs[0]), 9, after=2)
    assert checkpoints()["recorder", ""] == 2


def test_entries_from_before_a_reset_are_not_believed_any_more(diverged: Stream) -> None:
    before = diverged._client.xrange(diverged.key(0))
    reset("--yes")
    for entry_id, fields in before:
        diverged._client.xadd(diverged.key(0), fields, id=entry_id)

    assert [entry.envelope for entry in diverged.entries(0, after="0", count=10)] == [None] * 4


def test_a_reset_begins_a_generation_that_no_later_backup_has_had(diverged: Stream) -> None:
    began_at = int(time.time())
    Partition.objects.update(generation=7)

    reset("--yes")

    assert Partition.objects.get().generation >= began_at


def test_a_reset_accepts_the_key_that_signs_now(diverged: Stream, settings: Settings) -> None:
    signing_keys.register()
    settings.EVENTS_STREAM_KEYS = ["x" * 40]
    assert not signing_keys.is_known()

    reset("--yes")

    assert signing_keys.is_known()


def test_a_reset_planned_before_a_repartitioning_is_refused_and_changes_nothing(restored: Stream) -> None:
    restored.delete(0)  # Nothing shows the restore.
    plan = plan_reset(restored, log_was_restored=True)
    execute_repartitioning(restored, plan_repartitioning(restored, 2))

    with pytest.raises(ResetRefused, match="repartitioned meanwhile"):
        execute_reset(restored, plan)

    assert set(Partition.objects.values_list("number", "divergence")) == {(0, ""), (1, "")}
    assert Forgetful().open() == "target-1"


def test_a_repeated_reset_changes_nothing(restored: Stream) -> None:
    reset("--yes")
    relay.sweep(restored, 0)

    execute_reset(restored, plan_reset(restored, log_was_restored=False))
    relay.sweep(restored, 0)

    assert Forgetful().open() == "target-2"
    assert restored.length(0) == 1
