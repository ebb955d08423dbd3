"""A restored log is told apart from foreign entries, whatever else is on the stream."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from events import log, record, unit_of_work
from events.exceptions import Diverged, ForeignEntries, UnknownSigningKey
from events.models import LogEntry, Partition
from events.operations.reset_stream import execute_reset, plan_reset
from events.relay import divergence, signing_keys
from events.relay import flush as relay
from events.relay.turns import Relay
from events.stream.interface import Stream
from events.stream.tail import EMPTY, Tail
from tests.things import ThingMade, envelope_at

pytestmark = pytest.mark.django_db

KEY = "a key of a test " * 3


def make_things(count: int) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))


def relayed(stream: Stream, count: int) -> None:
    make_things(count)
    relay.sweep(stream, 0)


def restore(last: int) -> None:
    LogEntry.objects.filter(place__position__gt=last).delete()
    Partition.objects.update(last_position=last)


@pytest.fixture
def restored(stream: Stream) -> Stream:
    """Create a stream of five entries, and a log that was restored to the first two."""
    relayed(stream, 5)
    restore(2)
    return stream


def sweep_is_refused(stream: Stream) -> None:
    with pytest.raises(Diverged, match="until the stream is reset"):
        relay.sweep(stream, 0)


def add_foreign(stream: Stream) -> None:
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"})


def add_forged(stream: Stream) -> None:
    stream._client.xadd(stream.key(0), dict(envelope_at(6).to_fields()), id="6-0")


def add_and_delete_foreign(stream: Stream) -> None:
    stream._client.xdel(stream.key(0), stream._client.xadd(stream.key(0), {"KEY": "VALUE"}))


def put_something_else_there(stream: Stream) -> None:
    stream._client.delete(stream.key(0))
    stream._client.set(stream.key(0), "VALUE")


def put_another_project_there(stream: Stream) -> None:
    stream._client.delete(stream.key(0))
    for position in range(1, 51):
        stream._client.xadd(stream.key(0), dict(envelope_at(position).to_fields()), id=f"{position}-0")


HARMS = [add_foreign, add_forged, add_and_delete_foreign, put_something_else_there, put_another_project_there]


class TestForeignEnds:
    @pytest.mark.parametrize("harm", HARMS)
    def test_it_is_taken_away(self, stream: Stream, harm: Callable[[Stream], None]) -> None:
        relayed(stream, 5)
        harm(stream)
        make_things(1)

        relay.sweep(stream, 0)

        entries = stream.entries(0, after="0", count=100)
        assert [entry.envelope for entry in entries] == log.read_after(0, 0)
        assert divergence.all_current() == {}
        assert (Partition.objects.get().foreign_entries, Partition.objects.get().repairs) == (1, 1)

    def test_one_below_the_compacted_events_is_taken_away(self, stream: Stream) -> None:
        Partition.objects.update(compacted_to=10, last_position=10)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="5-0")

        relay.sweep(stream, 0)

        assert stream.tail(0) == EMPTY

    def test_the_pause_until_the_next_one_is_taken_away_grows_to_a_minute(self, stream: Stream) -> None:
        relayed(stream, 1)
        pauses = []
        for _ in range(8):
            add_foreign(stream)
            relay.sweep(stream, 0)
            add_foreign(stream)
            with pytest.raises(ForeignEntries):
                relay.sweep(stream, 0)
            pauses.append(Partition.objects.get().repair_pause_seconds)
            Partition.objects.update(repair_after=timezone.now())

        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
        Partition.objects.update(repair_after=timezone.now() - timedelta(seconds=61))
        relay.sweep(stream, 0)
        assert Partition.objects.get().repair_pause_seconds == 1

    def test_a_process_whose_clock_is_ahead_makes_the_pause_no_longer(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        relayed(stream, 1)
        add_foreign(stream)
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=1))

        relay.sweep(stream, 0)

        repair_after = Partition.objects.get().repair_after
        assert repair_after
        assert now < repair_after < now + timedelta(minutes=1)

    def test_positions_are_given_during_the_pause(self, stream: Stream) -> None:
        relayed(stream, 1)
        Partition.objects.update(repair_after=timezone.now() + timedelta(minutes=1))
        add_foreign(stream)
        make_things(2)

        with pytest.raises(ForeignEntries):
            relay.sweep(stream, 0)

        assert log.last_position(0) == 3

    def test_a_stream_that_goes_on_meanwhile_is_not_deleted(self, stream: Stream) -> None:
        relayed(stream, 1)
        judged = stream.tail(0)
        relayed(stream, 1)

        assert not stream.delete_ending(0, judged)

        assert stream.length(0) == 2

    def test_deleting_the_own_last_entry_leaves_the_stream_as_it_is(self, stream: Stream) -> None:
        relayed(stream, 2)
        stream._client.xdel(stream.key(0), "2-0")
        make_things(1)

        relay.sweep(stream, 0)

        assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["1-0", "3-0"]


class TestRestoredLogs:
    def test_a_stream_of_this_log_has_not_diverged(self, stream: Stream) -> None:
        relayed(stream, 2)
        relay.sweep(stream, 0)

        assert divergence.all_current() == {}

    def test_an_event_of_ours_that_the_log_lacks_is_stored_as_the_divergence(self, restored: Stream) -> None:
        sweep_is_refused(restored)

        assert divergence.current(0).endswith("at position 5, which the log does not have there")
        assert divergence.all_current() == {0: divergence.current(0)}

    @pytest.mark.parametrize("harm", [add_foreign, add_forged, add_and_delete_foreign])
    def test_a_foreign_entry_behind_it_does_not_hide_it(self, restored: Stream, harm: Callable[[Stream], None]) -> None:
        harm(restored)

        assert divergence.look(restored, 0)
        sweep_is_refused(restored)

    def test_a_relay_that_remembers_where_it_has_left_the_stream_finds_it_too(self, stream: Stream) -> None:
        worker = Relay(stream)
        make_things(5)
        worker.take_turn()
        restore(2)
        make_things(4)  # The last one has position 6, which comes next on the stream.

        worker.take_turn()
        [problem] = worker.take_turn().problems

        assert "until the stream is reset" in problem
        assert stream.tail(0).position == 5

    def test_no_position_is_given_from_then_on(self, restored: Stream) -> None:
        sweep_is_refused(restored)
        make_things(1)

        sweep_is_refused(restored)
        relay.flush_batch(restored, 0)

        assert log.last_position(0) == 2

    def test_evidence_from_before_a_reset_is_not_stored_after_it(
        self, restored: Stream, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.EVENTS_SUBSCRIBERS = {}
        last_own = restored.last_own

        def reset_meanwhile(partition: int) -> Tail | None:
            found = last_own(partition)
            monkeypatch.undo()
            execute_reset(restored, plan_reset(restored, log_was_restored=True))
            return found

        monkeypatch.setattr(restored, "last_own", reset_meanwhile)

        divergence.expect_no_lost_event(restored, 0)

        assert restored.tail(0) == EMPTY
        assert divergence.current(0) == ""

    def test_it_stays_diverged_when_it_has_caught_up(self, restored: Stream) -> None:
        make_things(9)
        relay.flush_batch(restored, 0)  # By a request, which gives positions before it compares.
        assert log.last_position(0) == 11

        sweep_is_refused(restored)
        restored._client.flushall()
        sweep_is_refused(restored)

        assert restored.length(0) == 0

    def test_it_is_found_although_a_reset_after_the_backup_began_a_generation(self, stream: Stream) -> None:
        relayed(stream, 1)
        Partition.objects.update(generation=2)
        stream.delete(0)
        relayed(stream, 3)
        restore(1)
        Partition.objects.update(generation=1)

        sweep_is_refused(stream)

    def test_it_is_found_with_a_new_key_if_the_former_one_is_known_too(
        self, restored: Stream, settings: Settings
    ) -> None:
        settings.EVENTS_STREAM_KEYS = [KEY, settings.SECRET_KEY]

        sweep_is_refused(restored)


class TestUnknownKeys:
    """The database was restored where another SECRET_KEY is set: its entries look foreign."""

    @pytest.fixture(autouse=True)
    def _unknown(self, restored: Stream, settings: Settings) -> None:
        signing_keys.register()
        settings.EVENTS_STREAM_KEYS = [KEY]

    def test_nothing_is_taken_away(self, stream: Stream) -> None:
        with pytest.raises(UnknownSigningKey, match="write the key that signed before behind the new one"):
            relay.sweep(stream, 0)

        assert stream.length(0) == 5
        assert not signing_keys.is_known()

    def test_no_repair_is_promised_during_the_pause(self, stream: Stream) -> None:
        for _ in range(2):
            with pytest.raises(UnknownSigningKey):
                relay.sweep(stream, 0)

    def test_each_turn_of_the_relay_has_this_problem_also_between_two_inspections(self, stream: Stream) -> None:
        turns = Relay(stream)

        for _ in range(3):
            [problem] = set(turns.take_turn().problems)
            assert problem.startswith("The database does not know the key that signs here")

    def test_a_key_that_follows_a_known_one_becomes_known(self, settings: Settings) -> None:
        settings.EVENTS_STREAM_KEYS = [KEY, settings.SECRET_KEY]

        signing_keys.register()

        settings.EVENTS_STREAM_KEYS = [KEY]
        assert signing_keys.is_known()


def unsigned(stream: Stream) -> None:
    """Make the stream as the release before signatures would have."""
    entries = stream.entries(0, after="0", count=100)
    stream._client.delete(stream.key(0))
    for entry in entries:
        assert entry.envelope
        stream._client.xadd(stream.key(0), dict(entry.envelope.to_fields()), id=entry.id)
    Partition.objects.update(signed_from=len(entries) + 1)


class TestUpgrade:
    def test_a_window_of_unsigned_entries_goes_on(self, stream: Stream) -> None:
        relayed(stream, 3)
        unsigned(stream)
        relayed(stream, 2)

        entries = stream.entries(0, after="0", count=100)
        assert [entry.envelope for entry in entries] == log.read_after(0, 0)
        assert Partition.objects.get().repairs == 0

    def test_unsigned_entries_that_the_log_lacks_are_found(self, stream: Stream) -> None:
        relayed(stream, 3)
        unsigned(stream)
        restore(1)

        sweep_is_refused(stream)
