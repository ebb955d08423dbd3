from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from events import record, unit_of_work
from events.envelope import Envelope
from events.event import Event, event_type
from events.exceptions import EventTooLarge, NotInTransaction, VersionTaken
from events.log.reading import read_after
from events.models import LogEntry
from events.recording.collector import Collector, caused_by, collecting
from events.relay.flush import sweep
from events.stream.interface import Stream
from events.subscriber import EventSubscriber
from events.testing import run_until_idle
from tests.things import ThingMade, ThingMoved, envelope_at

READING = "SUM(size)"
"""Stands in the statement that reads the log."""


class Unregistered(Event, frozen=True):
    """An event class that is not registered."""


class Moving(EventSubscriber):
    """Moves each thing that is made, in the transaction of the checkpoint."""

    handles = (ThingMade,)
    transactional = True

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        record(ThingMoved(name=envelope.subject, version=envelope.aggregate_version + 1))


def caused() -> AbstractContextManager[object]:
    return caused_by(envelope_at(1))


def flushes(queries: CaptureQueriesContext) -> int:
    """Count how often positions were asked for: by a statement on SQLite, by a function on PostgreSQL."""
    giving = ('INSERT INTO "events_position"', "events_give_positions")
    return len([query for query in queries.captured_queries if any(how in query["sql"] for how in giving)])


@pytest.mark.django_db(transaction=True)
class TestRecord:
    def test_events_are_stored_in_order_with_the_metadata_of_their_unit(self) -> None:
        with unit_of_work() as unit:
            record(ThingMade(name="a"), ThingMoved(name="a", version=2))

        first, second = LogEntry.objects.order_by("id")
        assert (first.type, first.schema_version, first.aggregate_version) == ("thing.made", 1, 1)
        assert (second.type, second.schema_version, second.aggregate_version) == ("thing.moved", 2, 2)
        assert first.data == '{"name":"a","version":1,"note":""}'
        assert first.correlation_id == second.correlation_id == unit.correlation_id
        assert first.aggregate_type == "thing"
        assert first.event_id < second.event_id

    def test_recording_outside_of_a_transaction_is_refused_with_advice(self) -> None:
        with pytest.raises(NotInTransaction, match="with unit_of_work"):
            record(ThingMade(name="a"))

        assert not LogEntry.objects.exists()

    def test_a_rolled_back_savepoint_takes_its_events_with_it(self) -> None:
        with unit_of_work():
            record(ThingMade(name="kept"))
            savepoint = transaction.savepoint_create()
            record(ThingMade(name="dropped"))
            transaction.savepoint_rollback(savepoint)

        assert list(LogEntry.objects.values_list("subject", flat=True)) == ["kept"]

    def test_an_exception_rolls_the_events_back(self) -> None:
        with pytest.raises(ZeroDivisionError), unit_of_work():
            record(ThingMade(name="a"))
            raise ZeroDivisionError

        assert not LogEntry.objects.exists()

    def test_any_number_of_events_takes_one_statement(
        self, django_assert_num_queries: DjangoAssertNumQueries, stream: Stream
    ) -> None:
        with unit_of_work():
            record(ThingMade(name="first"))
            with django_assert_num_queries(1):
                record(*(ThingMade(name=f"thing-{number}") for number in range(1_000)))

        assert LogEntry.objects.count() == 1_001

    def test_a_unit_without_events_calls_no_server(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(2) as queries, unit_of_work():
            pass

        assert [query["sql"].split()[0] for query in queries.captured_queries] == ["BEGIN", "COMMIT"]

    def test_the_same_version_twice_is_refused(self) -> None:
        with pytest.raises(VersionTaken, match="load it again"), unit_of_work():
            record(ThingMade(name="a"))
            record(ThingMoved(name="a"))

        assert not LogEntry.objects.exists()

    def test_an_event_that_is_too_large_is_refused(self, settings: Settings) -> None:
        settings.EVENTS_MAX_EVENT_BYTES = 100

        with pytest.raises(EventTooLarge, match="thing.made of a has .* bytes"), unit_of_work():
            record(ThingMade(name="a", note="x" * 100))

        assert not LogEntry.objects.exists()

    def test_a_class_without_a_name_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Unregistered is not registered"), unit_of_work():
            record(Unregistered())

    def test_a_unit_within_a_unit_joins_it(self, stream: Stream) -> None:
        with unit_of_work() as outer:
            record(ThingMade(name="a"))
            with unit_of_work() as inner:
                record(ThingMade(name="b"))

        assert inner is outer
        assert len(set(LogEntry.objects.values_list("correlation_id", flat=True))) == 1

    def test_a_failing_callback_of_another_does_not_stop_the_flush(self, stream: Stream) -> None:
        with unit_of_work():
            transaction.on_commit(lambda: 1 / 0, robust=True)
            record(ThingMade(name="a"))

        assert [entry.envelope and entry.envelope.subject for entry in stream.entries(0, after="0", count=9)] == ["a"]


@pytest.mark.django_db(transaction=True)
class TestFlushOnCommit:
    def test_a_commit_reaches_the_stream(self, stream: Stream) -> None:
        with transaction.atomic():
            record(ThingMade(name="a"))
            assert stream.length(0) == 0

        [entry] = stream.entries(0, after="0", count=10)
        assert entry.id == "1-0"
        assert entry.envelope is not None
        assert entry.envelope.open() == ThingMade(name="a")

    def test_a_unit_of_several_commits_is_flushed_once(self, stream: Stream) -> None:
        with CaptureQueriesContext(connection) as queries, collecting(Collector()) as collector:
            for name in "abc":
                with unit_of_work():
                    record(ThingMade(name=name))
            assert stream.length(0) == 0
            collector.flush()

        assert stream.length(0) == 3
        assert flushes(queries) == 1

    @pytest.mark.parametrize("unit", [caused, unit_of_work], ids=["caused_by", "unit_of_work"])
    def test_units_within_one_transaction_are_flushed_once(
        self, stream: Stream, unit: Callable[[], AbstractContextManager[object]]
    ) -> None:
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            for number in range(200):
                with unit():
                    record(ThingMade(name=f"thing-{number}"))

        assert stream.length(0) == 200
        assert flushes(queries) == 1
        assert entries_of(stream) == entries_of_the_log()
        assert not [query for query in queries.captured_queries if READING in query["sql"]]

    def test_a_transactional_subscriber_flushes_a_batch_once(self, stream: Stream) -> None:
        with unit_of_work():
            record(*(ThingMade(name=f"thing-{number}") for number in range(200)))

        with CaptureQueriesContext(connection) as queries:
            run_until_idle("things", Moving())

        assert LogEntry.objects.filter(type="thing.moved").count() == 200
        assert stream.length(0) == 400
        causes = LogEntry.objects.filter(type="thing.moved").values_list("causation_id", flat=True)
        assert len(set(causes)) == 200
        # The relay looks once before the consumer runs; the batches are of 16, 32, 64 and 88 events.
        assert flushes(queries) <= 5

    def test_units_of_a_transaction_that_was_rolled_back_are_not_kept(self, stream: Stream) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            for number in range(400):
                with unit_of_work():
                    record(ThingMade(name=f"dropped-{number}"))
            raise ZeroDivisionError

        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            for number in range(200):
                with unit_of_work():
                    record(ThingMade(name=f"thing-{number}"))

        assert stream.length(0) == 200
        assert not [query for query in queries.captured_queries if READING in query["sql"]]

    def test_events_of_a_unit_that_was_rolled_back_are_not_sent(self, stream: Stream) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic(), unit_of_work():
            record(ThingMade(name="dropped"))
            raise ZeroDivisionError
        with transaction.atomic(), unit_of_work():
            record(ThingMade(name="kept"))

        assert [envelope.subject for _, envelope in entries_of(stream)] == ["kept"]
        assert entries_of(stream) == entries_of_the_log()

    def test_a_unit_within_a_request_s_transaction_is_flushed_with_it(self, stream: Stream) -> None:
        with CaptureQueriesContext(connection) as queries, unit_of_work():
            record(ThingMade(name="a"))
            for name in "bc":
                with caused():
                    record(ThingMade(name=name))

        assert [envelope.subject for _, envelope in entries_of(stream)] == ["a", "b", "c"]
        assert flushes(queries) == 1

    def test_events_in_memory_are_not_read_again(self, stream: Stream) -> None:
        with CaptureQueriesContext(connection) as queries, unit_of_work():
            record(ThingMade(name="a"), ThingMade(name="b"))

        assert entries_of(stream) == entries_of_the_log()
        assert not [query for query in queries.captured_queries if READING in query["sql"]]

    def test_events_of_a_rolled_back_savepoint_are_not_sent(self, stream: Stream) -> None:
        with unit_of_work():
            record(ThingMade(name="a"))
            savepoint = transaction.savepoint_create()
            record(ThingMade(name="dropped"))
            transaction.savepoint_rollback(savepoint)
            record(ThingMade(name="b"))

        assert [envelope.subject for _, envelope in entries_of(stream)] == ["a", "b"]
        assert entries_of(stream) == entries_of_the_log()

    def test_the_log_is_read_if_other_events_are_flushed_too(self, stream: Stream) -> None:
        with unit_of_work() as unit:
            record(ThingMade(name="left over"))
            unit.unflushed.clear()
        with unit_of_work():
            record(ThingMade(name="own"))

        assert [envelope.subject for _, envelope in entries_of(stream)] == ["left over", "own"]
        assert entries_of(stream) == entries_of_the_log()

    @pytest.mark.parametrize(
        ("events", "note", "kept"), [(500, "", 500), (501, "", 1), (3, "é" * 150_000, 3), (4, "é" * 150_000, 1)]
    )
    def test_no_more_than_a_batch_is_kept_in_memory(self, stream: Stream, *, events: int, note: str, kept: int) -> None:
        with unit_of_work() as unit:
            record(*(ThingMade(name=f"thing-{number}", note=note) for number in range(events)))
            assert len(unit.unflushed.envelopes) == kept

        sweep(stream, 0)
        assert entries_of(stream) == entries_of_the_log()


def entries_of(stream: Stream) -> list[tuple[str, Envelope]]:
    return [(entry.id, entry.envelope) for entry in stream.entries(0, after="0", count=1_000) if entry.envelope]


def entries_of_the_log() -> list[tuple[str, Envelope]]:
    read: list[Envelope] = []
    while batch := read_after(0, len(read)):
        read += batch
    return [(f"{envelope.position}-0", envelope) for envelope in read]


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'thing.made' is registered already, by ThingMade"):
        event_type("thing.made")(Unregistered)


def test_a_name_says_what_happened_to_what() -> None:
    with pytest.raises(ValueError, match="<aggregate type>.<what happened>"):
        event_type("made")


def test_event_types_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ThingMade(name="a").name = "b"  # type: ignore[misc]

    assert msgspec.json.encode(ThingMade(name="ü")) == '{"name":"ü","version":1,"note":""}'.encode()
