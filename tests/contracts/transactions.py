"""The guarantees of transactions on any database; a test class of each tier derives from these."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from events import record, unit_of_work
from events.exceptions import VersionTaken
from events.models import LogEntry
from events.recording.collector import Collector, collecting
from events.recording.outbox import store
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.nesting import Block, Doom, Failed, Kind, Model, nestings, play
from tests.things import ThingMade, ThingMoved

_prefixes = count()


def names_on(stream: Stream, *, after: int = 0) -> list[str]:
    entries = stream.entries(0, after=f"{after}-0", count=100_000)
    return [entry.envelope.subject for entry in entries if entry.envelope]


def names_in_log() -> list[str]:
    return list(LogEntry.objects.order_by("id").values_list("subject", flat=True))


def change(*names: str) -> None:
    """Record before the change: outside of a transaction that is refused, and nothing may have changed by then."""
    record(*(ThingMade(name=name) for name in names))
    Group.objects.bulk_create(Group(name=name) for name in names)


@contextmanager
def request(correlation_id: str = "") -> Iterator[None]:
    """Act like the middleware."""
    collector = Collector(correlation_id=correlation_id)
    try:
        with collecting(collector):
            yield
    finally:
        collector.close()


class Database:
    """The implementation of `tests.nesting` with a real database."""

    def __init__(self, prefix: str, stream: Stream) -> None:
        self.prefix = prefix
        self.stream = stream
        self.start = stream.tail(0).position
        self.made = 0
        self._opened = 0

    def change(self, count: int) -> None:
        names = [f"{self.prefix}-{self.made + number}" for number in range(count)]
        self.made += count
        change(*names)
        assert not set(names) & set(names_on(self.stream, after=self.start)), "flushed before the commit"

    def doom(self, how: Doom) -> None:
        if how == "flag":
            transaction.set_rollback(True)
        else:
            record(ThingMade(name=f"{self.prefix}-twice"), ThingMoved(name=f"{self.prefix}-twice"))

    def block(self, kind: Kind) -> AbstractContextManager[object]:
        if kind == "request":
            self._opened += 1
        blocks: dict[Kind, Callable[[], AbstractContextManager[object]]] = {
            "atomic": transaction.atomic,
            "joined": lambda: transaction.atomic(savepoint=False),
            "durable": lambda: transaction.atomic(durable=True),
            "unit": unit_of_work,
            "request": lambda: request(f"request-{self._opened}"),
            "kept savepoint": lambda: savepoint(drops=False),
            "dropped savepoint": lambda: savepoint(drops=True),
            "plain": nullcontext,
        }
        return blocks[kind]()


@contextmanager
def savepoint(*, drops: bool) -> Iterator[None]:
    """Open a savepoint by hand; an exception leaves it open."""
    name = transaction.savepoint_create()
    yield
    (transaction.savepoint_rollback if drops else transaction.savepoint_commit)(name)


@pytest.mark.django_db(transaction=True)
class TransactionContract:
    # The stream and the log are not emptied between examples: each example looks only at its own names.
    # A process may run it for both databases.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(nesting=nestings())
    def test_log_and_stream_have_committed_events_once_and_in_order(self, stream: Stream, nesting: Block) -> None:
        prefix = f"example{next(_prefixes)}"
        model, database = Model(prefix), Database(prefix, stream)
        play(nesting, model)
        play(nesting, database)

        rows = LogEntry.objects.filter(subject__startswith=f"{prefix}-").order_by("id")
        found = [(row.subject, row.correlation_id) for row in rows]
        assert [(name, sent_by if sent_by.startswith("request-") else "") for name, sent_by in found] == model.kept
        names = [name for name, _ in model.kept]
        assert set(Group.objects.filter(name__startswith=f"{prefix}-").values_list("name", flat=True)) == set(names)
        sent = names_on(stream, after=database.start)
        assert [name for name in sent if name.startswith(f"{prefix}-")] == names

    def test_a_taken_version_rolls_the_block_back_even_if_the_error_is_caught(self) -> None:
        events = [ThingMade(name=f"thing-{number}") for number in range(1_000)]
        with transaction.atomic(), pytest.raises(VersionTaken):
            record(*events, events[0])  # The second statement refuses it, after the first was executed.

        assert names_in_log() == []

    def test_an_error_of_another_constraint_is_not_a_taken_version(self) -> None:
        first, second = (ThingMade(name="a"), ThingMade(name="b"))
        collector = Collector(correlation_id="test")
        envelope = collector.envelop(first)
        with transaction.atomic():
            store([envelope])

        with pytest.raises(IntegrityError, match="event_id"), transaction.atomic():
            store([replace(collector.envelop(second), id=envelope.id)])

        assert names_in_log() == ["a"]

    def test_a_commit_that_fails_leaves_neither_change_nor_event(self, stream: Stream) -> None:
        nothing = 999_999_999
        with pytest.raises(IntegrityError), unit_of_work():
            change("a")
            Permission.objects.create(name="broken", codename="broken", content_type_id=nothing)

        assert (names_in_log(), names_on(stream), Group.objects.count()) == ([], [], 0)

    def test_further_records_of_a_transaction_cost_a_statement_each_and_no_flush(self, stream: Stream) -> None:
        def statements(*names: str) -> int:
            with CaptureQueriesContext(connection) as queries, transaction.atomic():
                for name in names:
                    record(ThingMade(name=name))
            return len(queries)

        statements("first")  # A process reads the number of partitions only once.
        assert statements("a", "b", "c", "d") == statements("e") + 3

        assert names_on(stream) == ["first", "a", "b", "c", "d", "e"]

    def test_the_records_of_a_transaction_have_one_correlation_id(self, stream: Stream) -> None:
        with transaction.atomic():
            record(ThingMade(name="a"))
            record(ThingMade(name="b"))

        assert len(set(LogEntry.objects.values_list("correlation_id", flat=True))) == 1

    def test_transactions_outside_of_a_unit_have_different_correlation_ids(self, stream: Stream) -> None:
        for name in "ab":
            with transaction.atomic():
                record(ThingMade(name=name))

        assert len(set(LogEntry.objects.values_list("correlation_id", flat=True))) == 2

    def test_the_relay_flushes_if_transactions_are_managed_by_hand(self, stream: Stream) -> None:
        transaction.set_autocommit(False)
        try:
            with request(), transaction.atomic():
                record(ThingMade(name="a"))
            transaction.commit()
            assert names_on(stream) == []
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)

        assert relay.sweep(stream, 0) == 1


def fail() -> None:
    raise Failed


@pytest.mark.django_db(transaction=True)
class ForeignCallbackContract:
    """A callback of other code fails after the commit."""

    @pytest.mark.parametrize("opened", [unit_of_work, transaction.atomic])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_a_failing_robust_callback_does_not_stop_the_flush(
        self, stream: Stream, opened: Callable[[], AbstractContextManager[object]], *, is_first: bool
    ) -> None:
        with opened():
            for registers in (is_first, not is_first):
                if registers:
                    transaction.on_commit(fail, robust=True)
                else:
                    record(ThingMade(name="a"))

        assert names_on(stream) == ["a"]

    @pytest.mark.parametrize("is_first", [True, False])
    def test_a_failing_callback_fails_the_unit_but_not_the_flush(self, stream: Stream, *, is_first: bool) -> None:
        with pytest.raises(Failed), unit_of_work():
            for registers in (is_first, not is_first):
                if registers:
                    transaction.on_commit(fail)
                else:
                    record(ThingMade(name="a"))

        assert names_on(stream) == ["a"]

    def test_a_failing_callback_that_runs_first_in_a_bare_block_leaves_the_flush_to_the_next_one(
        self, stream: Stream
    ) -> None:
        with pytest.raises(Failed), transaction.atomic():
            transaction.on_commit(fail)
            record(ThingMade(name="a"))
        assert (names_in_log(), names_on(stream)) == (["a"], [])

        relay.sweep(stream, 0)

        assert names_on(stream) == ["a"]
