"""No handler sees what somebody writes into Redis: the log's event takes its place, and the relay takes it away."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.groups.ownership import Ownership
from events.models import DeadLetter, LogEntry, Partition
from events.operations.reset_stream import execute_reset, plan_reset
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.relay.turns import Relay
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream, open_stream
from events.stream.signing import Signatures
from events.stream.tail import EMPTY
from tests.things import Recorder, ThingMade, envelope_at
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

type Raw = list[tuple[str, dict[str, str]]]

GROUP = "recorder"
LAST = 5


def make_things(stream: Stream, count: int) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))
    relay.sweep(stream, 0)


def raw_entries(stream: Stream) -> Raw:
    found: Raw = stream._client.xrange(stream.key(0))
    return found


def rewrite(stream: Stream, entries: Raw) -> None:
    stream._client.delete(stream.key(0))
    for entry_id, fields in entries:
        stream._client.xadd(stream.key(0), fields, id=entry_id)


def replace(stream: Stream, position: int, fields: dict[str, str]) -> None:
    rewrite(
        stream, [(entry_id, fields if entry_id == f"{position}-0" else own) for entry_id, own in raw_entries(stream)]
    )


def invented() -> dict[str, str]:
    """Return an event that nobody recorded: a thing was moved."""
    envelope = envelope_at(3)
    return {**envelope.to_fields(), "type": "thing.moved", "dataschema": "urn:event:thing.moved:2"}


def alter(stream: Stream) -> None:
    own = dict(raw_entries(stream)[2][1])
    replace(stream, 3, own | {"data": own["data"].replace("thing-3", "thing-9")})


def move(stream: Stream) -> None:
    """Swap two entries, each with its MAC."""
    entries = raw_entries(stream)
    (second, two), (third, three) = entries[1:3]
    rewrite(stream, [entries[0], (second, three), (third, two), *entries[3:]])


def invent_before_a_genuine_last_entry(stream: Stream) -> None:
    replace(stream, LAST - 1, invented())


def invent_with_a_mac_of_another_entry(stream: Stream) -> None:
    replace(stream, 3, invented() | {"mac": raw_entries(stream)[2][1]["mac"]})


def repeat_after_a_reset(stream: Stream) -> None:
    before = raw_entries(stream)
    execute_reset(stream, plan_reset(stream, log_was_restored=False))
    rewrite(stream, before)


def take_from_another_stream(stream: Stream) -> None:
    """Use entries that are signed with the same key, as another service's with the same settings."""
    other = type(stream)(StreamDSN.parse(settings.EVENTS_STREAM_URL.replace("/tickets", "/others")))
    other.append(0, EMPTY, [envelope_at(position) for position in range(1, LAST + 1)])
    entries = other._client.xrange(other.key(0))
    other._client.delete(other.key(0))
    other.close()
    rewrite(stream, entries)


def strip_the_mac(stream: Stream) -> None:
    own = dict(raw_entries(stream)[2][1])
    del own["mac"]
    replace(stream, 3, own)


def add_at_the_end(stream: Stream) -> None:
    stream._client.xadd(stream.key(0), invented(), id=f"{LAST + 1}-0")


def add_by_the_clock(stream: Stream) -> None:
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"})


def add_between(stream: Stream) -> None:
    """Add a second entry to a position."""
    entries = raw_entries(stream)
    rewrite(stream, [*entries[:3], ("3-1", invented()), *entries[3:]])


def sign_with_another_key(stream: Stream) -> None:
    with override_settings(EVENTS_STREAM_KEYS=["of somebody else " * 3]):
        fields = invented()
        Signatures.current(stream.dsn.stream, 0).sign(3, fields)
    replace(stream, 3, fields)


FORGERIES = [
    alter,
    move,
    invent_before_a_genuine_last_entry,
    invent_with_a_mac_of_another_entry,
    repeat_after_a_reset,
    take_from_another_stream,
    strip_the_mac,
    add_at_the_end,
    add_by_the_clock,
    add_between,
    sign_with_another_key,
]


@contextmanager
def running(recorder: Recorder) -> Iterator[None]:
    """Run a consumer in another thread."""
    shutdown = Shutdown()

    def consume() -> None:
        with closing(open_stream()) as stream:
            limits = Limits(block_seconds=0.05)
            Consumer(recorder, stream, Ownership(GROUP, "one"), shutdown=shutdown, limits=limits).run()
        connections.close_all()

    thread = Thread(target=consume)
    thread.start()
    try:
        yield
    finally:
        shutdown.requested = True
        thread.join()


def consume_all(stream: Stream) -> Recorder:
    recorder, limits = Recorder(), Limits(block_seconds=0.01)
    Consumer(recorder, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits).run(until_idle=True)
    return recorder


def is_repaired(stream: Stream, relaying: Relay) -> bool:
    """Let the relay work, as if the pauses between its repairs were over; tell whether the stream is a window again."""
    Partition.objects.update(repair_after=timezone.now() - timedelta(seconds=1))
    relaying._inspect_at = 0
    relaying.take_turn()
    return stream_is_the_log(stream)


def stream_is_the_log(stream: Stream) -> bool:
    return [entry.envelope for entry in stream.entries(0, after="0", count=100)] == log.read_after(0, 0)


def counted() -> int:
    return Partition.objects.get(number=0).foreign_entries


@pytest.mark.parametrize("forge", FORGERIES)
def test_no_handler_sees_it_and_the_log_s_event_takes_its_place(
    stream: Stream, forge: Callable[[Stream], None]
) -> None:
    make_things(stream, LAST)
    forge(stream)

    recorder = consume_all(stream)

    assert recorder.handled == log.read_after(0, 0)
    assert counted() > 0
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize("forge", FORGERIES)
def test_the_relay_takes_it_away_at_rest(stream: Stream, forge: Callable[[Stream], None]) -> None:
    make_things(stream, LAST)
    consume_all(stream)
    forge(stream)
    before = counted()
    relaying = Relay(stream)

    wait_until(lambda: is_repaired(stream, relaying))

    assert counted() > before
    assert Partition.objects.get().repairs > 0
    make_things(stream, 1)
    assert stream_is_the_log(stream)


@pytest.mark.parametrize("forge", FORGERIES)
def test_it_is_never_seen_and_taken_away_in_traffic(stream: Stream, forge: Callable[[Stream], None]) -> None:
    recorder, relaying = Recorder(), Relay(stream)
    with running(recorder):
        make_things(stream, LAST)
        wait_until(lambda: len(recorder.handled) == LAST)
        forge(stream)
        with unit_of_work():
            record(ThingMade(name="later"))
        wait_until(lambda: is_repaired(stream, relaying))
        make_things(stream, 5)
        wait_until(lambda: recorder.positions and recorder.positions[-1] == log.last_position(0))

    assert set(recorder.positions) == {*range(1, LAST + 7)}
    assert {envelope.id: envelope for envelope in recorder.handled} == {
        envelope.id: envelope for envelope in log.read_after(0, 0)
    }


def add_many(stream: Stream) -> None:
    stream._client.eval("for _ = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'KEY', 'VALUE') end", 1, stream.key(0))


def rewind_the_group(stream: Stream) -> None:
    stream._client.xgroup_setid(stream.key(0), GROUP, "0")


@contextmanager
def repeating(action: Callable[[], None]) -> Iterator[None]:
    """Repeat an action in another thread until the block ends."""
    ended = Event()

    def repeat() -> None:
        while not ended.wait(0.005):
            action()

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("attack", [add_many, rewind_the_group])
def test_a_stream_that_brings_nothing_new_keeps_no_event_waiting(
    stream: Stream, attack: Callable[[Stream], None]
) -> None:
    recorder = Recorder()
    make_things(stream, 500)
    with running(recorder):
        wait_until(lambda: recorder.positions and recorder.positions[-1] == log.last_position(0))
        with repeating(partial(attack, stream)):
            with unit_of_work():
                record(ThingMade(name="later"))
            wait_until(lambda: recorder.positions[-1] == log.last_position(0))

    assert recorder.positions == [*range(1, log.last_position(0) + 1)]


def test_keys_are_rotated_without_a_repair(stream: Stream, settings: Settings) -> None:
    relaying = Relay(stream)
    for keys in (["old " * 10], ["old " * 10, "new " * 10], ["new " * 10, "old " * 10]):
        settings.EVENTS_STREAM_KEYS = keys
        make_things(stream, 2)
        is_repaired(stream, relaying)

    assert consume_all(stream).handled == log.read_after(0, 0)
    assert (counted(), Partition.objects.get().repairs) == (0, 0)
