"""The guarantees of repartition_events on any servers; a test class of each tier derives from these."""

from collections.abc import Iterator
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Max
from django.utils import timezone
from pytest_django import Settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.consumer.settling import Batch
from events.dead_letters import actions
from events.dead_letters.queries import queued_behind
from events.exceptions import Unprocessable
from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.groups import checkpoint
from events.groups.handled import HandledByAggregate
from events.groups.ownership import Ownership
from events.log.partitions import forget_layout, partition_count, slot_of
from events.log.positions import give_positions
from events.models import Checkpoint, DeadLetter, LogEntry, Member, Partition, Position, WaitingEntry
from events.operations.compaction import compact, floor_of
from events.operations.repartitioning import (
    RepartitioningRefused,
    execute_repartitioning,
    groups_behind,
    plan_repartitioning,
)
from events.operations.reset_group import ReplayPlan, ReplayRefused, execute_replay, plan_replay
from events.operations.status import status
from events.operations.trace import find_event, trace
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay.flush import sweep
from events.stream.interface import Stream
from events.stream.tail import EMPTY
from events.subscriber import Subscriber
from tests.things import ThingMoved

GROUP = "readers"
WANTED = 4


def thing_in(partition: int, of: int = WANTED) -> str:
    """Return the name of a thing whose events belong to this one of so many partitions."""
    return next(name for number in count() if slot_of(name := f"thing-{number}") % of == partition)


STAYS, MOVES = thing_in(0), thing_in(1)


def move(*names: str) -> None:
    """Record an event for each thing, with its next version."""
    with unit_of_work():
        for name in names:
            newest = LogEntry.objects.filter(subject=name).aggregate(Max("aggregate_version", default=0))
            record(ThingMoved(name=name, version=newest["aggregate_version__max"] + 1))


def relay(stream: Stream) -> None:
    for partition in range(Partition.objects.count()):
        sweep(stream, partition)


def repartition(to: int = WANTED) -> None:
    call_command("repartition_events", "--to", str(to), "--yes")


def places() -> list[tuple[str, int, int, int]]:
    """Return thing, version, partition and position of each event, in the order of their rows."""
    rows = Position.objects.order_by("entry_id")
    return list(rows.values_list("entry__subject", "entry__aggregate_version", "partition", "position"))


class Ordered(Subscriber):
    """Notes what it handles, in order; refuses some events."""

    ordered = True

    def __init__(self, *refuses: tuple[str, int]) -> None:
        self.refuses = set(refuses)
        self.handled: list[tuple[str, int]] = []

    def handle(self, batch: Batch) -> None:
        events = [(envelope.subject, envelope.aggregate_version) for envelope in batch]
        if self.refuses & set(events):
            raise Unprocessable
        self.handled += events


class FromNowOn(Ordered):
    begins_at_end = True


def consumer(subscriber: Subscriber, stream: Stream) -> Consumer:
    limits = Limits(block_seconds=0.01)
    return Consumer(subscriber, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits)


def consume(subscriber: Ordered, stream: Stream) -> list[tuple[str, int]]:
    consumer(subscriber, stream).run(until_idle=True)
    return subscriber.handled


class RepartitioningContract:
    @pytest.fixture(autouse=True)
    def _partitions(self, stream: Stream, settings: Settings) -> Iterator[None]:
        settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.things.Recorder"}
        settings.EVENTS_FLUSH_ON_COMMIT = False
        forget_layout()
        yield
        forget_layout()

    def test_the_parent_keeps_what_it_has_and_later_events_go_to_the_new_partitions(self, stream: Stream) -> None:
        move(STAYS, MOVES, STAYS, MOVES)
        relay(stream)

        repartition()
        move(STAYS, MOVES)
        relay(stream)

        assert places() == [
            (STAYS, 1, 0, 1),
            (MOVES, 1, 0, 2),
            (STAYS, 2, 0, 3),
            (MOVES, 2, 0, 4),
            (STAYS, 3, 0, 5),
            (MOVES, 3, 1, 1),
        ]
        assert list(Partition.objects.order_by("number").values_list("parent", "parent_position")) == [
            (None, 0), (0, 4), (0, 4), (0, 4),
        ]  # fmt: skip
        assert [stream.key(number) for number in (0, 1)] == [stream.dsn.stream, f"{stream.dsn.stream}:1"]
        assert [stream.length(number) for number in range(WANTED)] == [5, 1, 0, 0]

    def test_rows_get_their_positions_where_they_belong_whatever_their_process_knew(self, stream: Stream) -> None:
        move(MOVES)
        repartition()
        move(MOVES)
        LogEntry.objects.filter(aggregate_version=2).update(partition=0)
        WaitingEntry.objects.update(partition=0)  # As recorded by a process that knows of one partition.
        move(MOVES)

        assert not give_positions(0).positions
        assert give_positions(1).positions == range(1, 4)

        assert places() == [(MOVES, 1, 1, 1), (MOVES, 2, 1, 2), (MOVES, 3, 1, 3)]
        assert not WaitingEntry.objects.exists()

    def test_rows_of_a_partition_that_a_restored_log_does_not_have_are_not_lost(self, stream: Stream) -> None:
        move(MOVES)
        WaitingEntry.objects.update(partition=3)

        assert give_positions(0).positions == range(1, 2)
        assert not WaitingEntry.objects.exists()

    def test_rows_of_a_process_that_knows_the_partitions_of_a_lost_log_are_not_lost(self, stream: Stream) -> None:
        last = thing_in(7, of=12)  # 3 of four partitions, 1 of two and of six.
        repartition(4)
        assert partition_count() == 4
        Partition.objects.filter(number__gt=1).delete()  # The log was restored; this process has not noticed yet.
        move(last)
        Partition.objects.bulk_create(Partition(number=number, parent=number % 2) for number in range(2, 6))

        relay(stream)

        assert [(name, version) for name, version, _, _ in places()] == [(last, 1)]
        assert not WaitingEntry.objects.exists()

    def test_checkpoints_in_partitions_of_a_lost_log_are_replaced(self, stream: Stream) -> None:
        Checkpoint.objects.create(group=GROUP, partition=0)
        Checkpoint.objects.create(group=GROUP, partition=3, position=7)

        repartition()

        found = Checkpoint.objects.order_by("partition").values_list("partition", "position")
        assert list(found) == [(number, 0) for number in range(WANTED)]

    def test_a_process_notices_the_new_partitions_when_it_flushes(self, stream: Stream) -> None:
        move(STAYS)
        Partition.objects.create(number=1, parent=0)
        assert partition_count() == 1

        give_positions(0)

        assert partition_count() == 2

    def test_a_new_partition_waits_until_the_group_has_handled_what_comes_before(self, stream: Stream) -> None:
        move(MOVES, STAYS, MOVES)
        relay(stream)
        repartition()
        move(MOVES)
        relay(stream)
        Checkpoint.objects.create(group=GROUP, partition=0, position=1)

        [waiting] = {found.partition for found in groups_behind()} or [0]
        held = {found.partition: found.groups[0].is_held_back for found in status(stream)}
        handled = consume(Ordered(), stream)

        assert waiting == 0  # No checkpoint of the new partitions yet.
        assert held == {0: False, 1: True, 2: True, 3: True}
        assert handled == [(STAYS, 1), (MOVES, 2), (MOVES, 3)]
        assert not groups_behind()

    def test_a_process_that_owns_only_the_new_partition_waits_for_the_owner_of_its_parent(self, stream: Stream) -> None:
        move(MOVES)
        relay(stream)
        repartition(2)
        move(MOVES)
        relay(stream)
        other = Ownership(GROUP, "another")
        other.join()
        assert other.acquire(0)
        subscriber = Ordered()
        one = consumer(subscriber, stream)
        one._open()
        one.ownership.join()
        one.ownership.assigned = frozenset({1})

        one._reader._note(1, "Redis was away")
        for _ in range(3):
            one._follow_assignment()
            one._subscriptions.begin_held()
            one._source.look_around()
            one._source.read_stream()
        assert one._reader.why_away == ""
        assert (one._first.held.keys(), one._first.claims.keys(), subscriber.handled) == ({1}, set(), [])

        checkpoint.advance(checkpoint.Claim(GROUP, "", 0, other.epochs[0]), 1, after=_loaded(other))
        one._subscriptions.begin_held()
        one._source.read_stream()
        one._first.settle()
        assert subscriber.handled == [(MOVES, 2)]

    def test_partitions_that_are_split_again_wait_for_all_that_had_their_events(self, stream: Stream) -> None:
        name = thing_in(5, of=8)
        for partitions in (2, 4, 8):
            move(name)
            relay(stream)
            repartition(partitions)
        move(name)
        relay(stream)

        assert [(partition, position) for _, _, partition, position in places()] == [(0, 1), (1, 1), (1, 2), (5, 1)]
        assert consume(Ordered(), stream) == [(name, version) for version in (1, 2, 3, 4)]

    def test_a_group_that_begins_at_the_end_misses_nothing_of_the_new_partitions(self, stream: Stream) -> None:
        move(MOVES)
        relay(stream)
        assert consume(FromNowOn(), stream) == []
        move(MOVES)
        relay(stream)
        repartition()
        move(MOVES)
        relay(stream)

        assert consume(FromNowOn(), stream) == [(MOVES, 2), (MOVES, 3)]
        Checkpoint.objects.all().delete()
        assert consume(FromNowOn(), stream) == []

    def test_later_events_wait_behind_a_letter_in_the_partition_that_was_split(self, stream: Stream) -> None:
        move(MOVES, MOVES)
        relay(stream)
        subscriber = Ordered((MOVES, 1))
        consume(subscriber, stream)
        repartition()
        move(MOVES, STAYS)
        relay(stream)

        assert consume(subscriber, stream) == [(STAYS, 1)]
        first = DeadLetter.objects.get(state="parked")
        assert [letter.position for letter in queued_behind(first)] == [2, 1]

        subscriber.refuses.clear()
        actions.retry(DeadLetter.objects.all(), "operator")
        assert consume(subscriber, stream) == [(STAYS, 1), (MOVES, 1), (MOVES, 2), (MOVES, 3)]

    def test_a_group_that_is_set_back_repeats_what_comes_after_in_the_new_partitions(self, stream: Stream) -> None:
        move(MOVES, STAYS)
        relay(stream)
        repartition()
        move(MOVES)
        relay(stream)
        consume(Ordered(), stream)

        plan = plan_replay(GROUP, 1, partition=0)
        execute_replay(plan)

        assert [(move.partition, move.position) for move in plan.moves] == [(0, 1), (1, 0), (2, 0), (3, 0)]
        assert consume(Ordered(), stream) == [(STAYS, 1), (MOVES, 2)]

    def test_a_group_is_not_set_back_by_a_plan_that_lacks_the_new_partitions(self, stream: Stream) -> None:
        move(MOVES, STAYS)
        relay(stream)
        consume(Ordered(), stream)
        plan = plan_replay(GROUP, 1)
        repartition()
        move(MOVES)
        relay(stream)
        consume(Ordered(), stream)

        with pytest.raises(ReplayRefused, match="repartitioned meanwhile"):
            execute_replay(plan)

        assert checkpoint.positions(GROUP, "") == {0: 2, 1: 1, 2: 0, 3: 0}

    def test_a_plan_need_not_have_the_places_that_stay(self, stream: Stream) -> None:
        move(MOVES, STAYS)
        relay(stream)
        consume(Ordered(), stream)
        repartition()
        plan = plan_replay(GROUP, 1, partition=0)

        execute_replay(ReplayPlan(group=GROUP, moves=[move for move in plan.moves if move.is_back]))

        assert checkpoint.positions(GROUP, "") == {0: 1, 1: 0, 2: 0, 3: 0}

    def test_a_new_partition_is_compacted_after_the_one_that_was_split(self, stream: Stream) -> None:
        move(MOVES, STAYS)
        relay(stream)
        repartition()
        move(MOVES)
        relay(stream)
        consume(Ordered(), stream)

        assert floor_of(1).position == 0
        for partition in (1, 0, 1):
            list(compact(partition, before=timezone.now(), dry_run=False))

        assert places() == [(STAYS, 1, 0, 2), (MOVES, 2, 1, 1)]
        assert Partition.objects.get(number=0).compacted_to == 2
        Checkpoint.objects.all().delete()
        for partition in (0, 1):
            stream.trim(partition, length=0)
        assert consume(Ordered(), stream) == [(STAYS, 1), (MOVES, 2)]

    def test_the_newest_state_that_a_group_has_handled_is_found_in_each_partition(self, stream: Stream) -> None:
        move(MOVES)
        relay(stream)
        consume(Ordered(), stream)
        repartition()
        LogEntry.objects.update(partition=3)  # It says only for which partition an event was recorded.
        move(MOVES)
        relay(stream)
        handled = HandledByAggregate(GROUP, "", "thing", ["thing.moved"])

        assert handled.newest([MOVES])[MOVES].aggregate_version == 1
        consume(Ordered(), stream)
        assert handled.newest([MOVES])[MOVES].aggregate_version == 2

    def test_an_event_is_traced_where_it_is(self, stream: Stream) -> None:
        move(MOVES)
        repartition()
        relay(stream)

        found = trace(stream, find_event(LogEntry.objects.get().event_id))

        assert (found.partition, found.stream, found.groups[0].state) == (1, "there", "waiting")

    def test_the_feed_gives_no_event_before_those_of_the_partition_that_was_split(self, stream: Stream) -> None:
        move(MOVES, STAYS)
        relay(stream)
        before = str(feed.read_page(feed.start(), limit=1).next)
        repartition()
        move(MOVES, MOVES)
        relay(stream)

        pages = list(_pages(FeedCursor.parse(before), limit=1))

        assert [(event.subject, event.partition) for page in pages for event in page.events] == [
            (STAYS, 0),
            (MOVES, 1),
            (MOVES, 1),
        ]
        assert pages[-1].next == feed.end()

    def test_the_feed_knows_the_markers_of_a_log_that_was_restored_and_repartitioned_again(
        self, stream: Stream
    ) -> None:
        move(MOVES)
        relay(stream)
        repartition()
        move(STAYS, MOVES, MOVES)
        relay(stream)
        assert partition_count() == WANTED
        Partition.objects.exclude(number=0).update(parent_position=2)  # This process has seen no other number between.

        pages = list(_pages(FeedCursor((1, 0, 0, 0)), limit=2))

        assert [(event.subject, event.partition) for page in pages for event in page.events] == [
            (STAYS, 0),
            (MOVES, 1),
            (MOVES, 1),
        ]

    def test_it_is_refused_with_a_number_that_the_log_cannot_have(self, stream: Stream) -> None:
        repartition(2)

        for wanted, why in ((1, "fewer"), (3, "not a multiple"), (2_000, "1,000 partitions at most")):
            with pytest.raises(CommandError, match=why) as refused:
                repartition(wanted)
            assert refused.value.returncode == 2
        assert Partition.objects.count() == 2

    def test_it_is_refused_while_a_process_of_an_earlier_release_runs_or_a_stream_has_diverged(
        self, stream: Stream
    ) -> None:
        Ownership(GROUP, "old").join()
        Member.objects.update(partitions=None)
        with pytest.raises(CommandError, match="earlier release"):
            repartition()
        Member.objects.all().delete()
        Partition.objects.update(divergence="it was restored")
        with pytest.raises(CommandError, match="has diverged"):
            repartition()

        assert Partition.objects.count() == 1

    def test_it_is_refused_if_a_stream_has_diverged_since_it_was_planned(self, stream: Stream) -> None:
        plan = plan_repartitioning(stream, WANTED)
        Partition.objects.update(divergence="the log was restored")

        with pytest.raises(RepartitioningRefused, match="partition 0 has diverged: the log was restored"):
            execute_repartitioning(stream, plan)

        assert Partition.objects.count() == 1

    def test_a_dry_run_changes_nothing_and_a_repetition_has_nothing_to_do(
        self, stream: Stream, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("repartition_events", "--to", "4", "--dry-run")
        assert Partition.objects.count() == 1
        assert f"Partition 0 ({stream.key(0)}) gives a part of its aggregates to 1, 2, 3." in capsys.readouterr().out

        repartition()
        repartition()
        assert "The log has 4 partitions already." in capsys.readouterr().out

    def test_a_wait_ends_with_what_it_waits_for(self, stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
        move(MOVES)
        relay(stream)
        Checkpoint.objects.create(group=GROUP, partition=0)

        with pytest.raises(CommandError, match=f"after 1 s: {GROUP} is held back in 3 partitions"):
            call_command("repartition_events", "--to", "4", "--yes", "--wait", "1")
        consume(Ordered(), stream)
        call_command("repartition_events", "--to", "4", "--wait", "1")

        assert "All groups have come to the new partitions." in capsys.readouterr().out

    def test_streams_of_a_log_that_was_replaced_by_a_backup_are_deleted(self, stream: Stream) -> None:
        stream.create_group(1, GROUP, after=0)
        repartition(2)
        move(thing_in(1, of=2))
        relay(stream)
        entries = stream.entries(1, after="0", count=9)
        Partition.objects.filter(number=1).delete()
        WaitingEntry.objects.all().delete()
        LogEntry.objects.all().delete()
        forget_layout()

        repartition(2)

        assert (len(entries), stream.length(1)) == (1, 0)

    def test_entries_of_a_log_that_was_replaced_by_a_backup_are_not_believed(self, stream: Stream) -> None:
        move(MOVES)
        give_positions(0)
        stream.append(1, EMPTY, log.read_after(0, 0), generation=0)
        [(entry_id, fields)] = stream._client.xrange(stream.key(1))
        repartition(2)

        stream._client.xadd(stream.key(1), fields, id=entry_id)

        assert [entry.envelope for entry in stream.entries(1, after="0", count=9)] == [None]

    def test_the_setting_may_be_the_first_or_the_present_number(self, stream: Stream, settings: Settings) -> None:
        from django.core.checks import run_checks  # noqa: PLC0415

        repartition()
        found = {}
        for number in (1, 4, 8):
            settings.EVENTS_PARTITIONS = number
            errors = run_checks(databases=["default"])
            found[number] = [error.id for error in errors if error.id == "events.E004"]

        assert found == {1: [], 4: [], 8: ["events.E004"]}

    def test_a_log_can_begin_with_many_partitions(self, stream: Stream, settings: Settings) -> None:
        from events.log.partitions import create_partitions  # noqa: PLC0415

        Partition.objects.all().delete()
        settings.EVENTS_PARTITIONS = 16
        create_partitions(using="default")

        assert [stream.key(number) for number in (0, 15)] == [f"{stream.dsn.stream}:0", f"{stream.dsn.stream}:15"]


def _loaded(owner: Ownership) -> int:
    return checkpoint.load(checkpoint.Claim(GROUP, "", 0, owner.epochs[0]))


def _pages(cursor: FeedCursor, *, limit: int) -> Iterator[feed.FeedPage]:
    page = feed.read_page(cursor, limit=limit)
    yield page
    while page.has_more:
        page = feed.read_page(page.next, limit=limit)
        yield page
