"""A subscriber's events: old and newer versions, and the cause of events that it records itself."""

from threading import Thread

import msgspec
import pytest
from django.db import connections
from django.test import override_settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.event import Event, event_type
from events.exceptions import Unprocessable
from events.groups.ownership import Ownership
from events.models import DeadLetter, LogEntry
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.recording.collector import Collector, collecting
from events.relay import flush as relay
from events.stream.interface import Stream
from events.subscriber import EventSubscriber
from events.upcasting import Data, upcaster
from tests.things import ThingEvent, ThingMade, ThingMoved
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.processes.backoff.LONGEST_PAUSE_SECONDS", 0.1)


def consume(subscriber: EventSubscriber, stream: Stream) -> None:
    relay.sweep(stream, 0)
    Consumer(subscriber, stream, Ownership("things", "one"), shutdown=Shutdown(), limits=Limits()).run(until_idle=True)


class Mover(EventSubscriber):
    """Moves a thing that was made, and moves it once more."""

    handles = (ThingMade, "thing.moved")

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        assert isinstance(event, ThingEvent)
        if event.version < 3:
            with unit_of_work():
                record(ThingMoved(name=event.name, version=event.version + 1))


class Reader(EventSubscriber):
    """Keeps the typed events; refuses those that the test names."""

    def __init__(self, refuses: str = "") -> None:
        self.events: list[Event] = []
        self.refuses = refuses

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        if event.subject == self.refuses:
            raise Unprocessable("not this one")
        self.events.append(event)


def test_events_recorded_while_handling_name_their_cause(stream: Stream) -> None:
    with collecting(Collector(correlation_id="request-1", traceparent=TRACE, actor=lambda: "ada")), unit_of_work():
        record(ThingMade(name="a"))
    with unit_of_work():
        record(ThingMade(name="b"))
    relay.sweep(stream, 0)

    consume(Mover(), stream)

    made, moved, moved_again = LogEntry.objects.filter(subject="a").order_by("aggregate_version")
    assert made.causation_id == ""
    assert (moved.causation_id, moved_again.causation_id) == (str(made.event_id), str(moved.event_id))
    assert {entry.correlation_id for entry in (made, moved, moved_again)} == {"request-1"}
    assert {entry.traceparent for entry in (made, moved, moved_again)} == {TRACE}
    assert [entry.actor for entry in (made, moved, moved_again)] == ["ada", "", ""]
    other = LogEntry.objects.filter(subject="b")
    assert other.count() == 3
    assert "request-1" not in set(other.values_list("correlation_id", flat=True))
    assert other.values_list("correlation_id").distinct().count() == 1


def test_events_recorded_while_handling_are_flushed_without_a_relay(stream: Stream) -> None:
    with unit_of_work():
        record(ThingMade(name="a"))

    consume(Mover(), stream)

    envelopes = [entry.envelope for entry in stream.entries(0, after="0", count=9)]
    assert envelopes == log.read_after(0, 0)
    assert [envelope and envelope.aggregate_version for envelope in envelopes] == [1, 2, 3]


def test_events_that_a_subscriber_does_not_handle_are_skipped_unread(stream: Stream) -> None:
    with override_settings(EVENTS_FLUSH_ON_COMMIT=False), unit_of_work():  # The relay must read the changed row.
        record(ThingMade(name="a"), ThingMade(name="b"))
        LogEntry.objects.filter(subject="a").update(type="thing.unheard-of", data="no JSON")

    class MadeReader(Reader):
        handles = (ThingMade,)

    reader = MadeReader()
    consume(reader, stream)

    assert reader.events == [ThingMade(name="b")]
    assert not DeadLetter.objects.exists()


def record_old_version() -> None:
    """Record an event as a release before version 2 would have."""
    with override_settings(EVENTS_FLUSH_ON_COMMIT=False), unit_of_work():  # The relay must read the changed row.
        record(ThingMoved(name="a"), ThingMoved(name="b"))
        for name in "ab":
            LogEntry.objects.filter(subject=name).update(schema_version=1, data=f'{{"label":"{name}","version":1}}')


def test_an_old_version_from_the_stream_is_upcast(stream: Stream) -> None:
    record_old_version()
    relay.sweep(stream, 0)
    assert stream._client.xrange(stream.key(0))[0][1]["dataschema"] == "urn:event:thing.moved:1"
    LogEntry.objects.update(data="{}")  # So the event can't come from the stream.

    reader = Reader()
    consume(reader, stream)

    assert reader.events == [ThingMoved(name="a"), ThingMoved(name="b")]


def test_an_old_version_from_the_log_is_upcast(stream: Stream) -> None:
    record_old_version()
    relay.sweep(stream, 0)
    stream._client.flushall()

    reader = Reader()
    consume(reader, stream)

    assert reader.events == [ThingMoved(name="a"), ThingMoved(name="b")]


def test_an_old_version_of_a_dead_letter_is_upcast(stream: Stream) -> None:
    record_old_version()

    consume(Reader(refuses="a"), stream)

    [letter] = DeadLetter.objects.all()
    [envelope] = log.read_after(letter.partition, letter.position - 1, limit=1)
    assert (envelope.id, envelope.schema_version) == (letter.event_id, 1)
    assert envelope.open() == ThingMoved(name="a")


def upgrade(monkeypatch: pytest.MonkeyPatch) -> type[Event]:
    """Load the release that knows version 3."""
    from events import event  # noqa: PLC0415 (its registry is replaced as a whole)

    class ThingMoved(ThingEvent, frozen=True, kw_only=True, rename="camel"):
        """The event's version 3, with a new field."""

        to: str

    @upcaster("thing.moved", from_version=2)
    def say_where(data: Data) -> Data:
        return {**data, "to": "somewhere"}

    without = {name: known for name, known in event._by_name.items() if name != "thing.moved"}
    monkeypatch.setattr(event, "_by_name", without)
    return event_type("thing.moved", version=3)(ThingMoved)


def test_an_event_of_a_newer_version_waits_for_its_class(
    stream: Stream, clean_registry: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(EVENTS_FLUSH_ON_COMMIT=False), unit_of_work():  # The relay must read the changed row.
        record(ThingMade(name="a"), ThingMoved(name="a", version=2), ThingMoved(name="a", version=3))
        newest = LogEntry.objects.filter(aggregate_version=3)
        newest.update(schema_version=3, data='{"name":"a","version":3,"note":"","to":"cellar"}')
    relay.sweep(stream, 0)
    reader, shutdown = Reader(), Shutdown()

    def run() -> None:
        Consumer(reader, stream, Ownership("things", "one"), shutdown=shutdown, limits=Limits()).run()
        connections.close_all()

    thread = Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: caplog.text.count("thing.moved has version 3; this release knows up to 2") >= 2)
        assert (reader.events, DeadLetter.objects.count()) == ([], 0)
        newer = upgrade(monkeypatch)
        wait_until(lambda: len(reader.events) == 3)
    finally:
        shutdown.requested = True
        thread.join()

    assert [type(event) for event in reader.events] == [ThingMade, newer, newer]
    assert [msgspec.to_builtins(event).get("to") for event in reader.events] == [None, "somewhere", "cellar"]
    assert not DeadLetter.objects.exists()
