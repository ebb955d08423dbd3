"""The log is restored from a backup while a consumer lives: all events that were recorded since are handled."""

from uuid import UUID

import pytest

from events import log, record, unit_of_work
from events.exceptions import Diverged
from events.models import Checkpoint, LogEntry, Partition
from events.operations.reset_stream import execute_reset, plan_reset
from events.relay import divergence
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.integration.events.consumer.test_forgeries import running
from tests.things import Recorder, ThingMade
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, RESTORED, WRITES = 10, 5, 7


def write(first: int, count: int) -> None:
    for number in range(first, first + count):
        with unit_of_work():
            record(ThingMade(name=f"thing-{number}"))


def restore(position: int) -> None:
    LogEntry.objects.filter(place__position__gt=position).delete()
    Partition.objects.update(last_position=position)
    Checkpoint.objects.update(position=position)


def written_since() -> set[UUID]:
    return {envelope.id for envelope in log.read_after(0, RESTORED)}


@pytest.mark.parametrize("is_seen_first", [True, False], ids=["seen before they are written", "seen afterwards"])
def test_all_writes_after_the_restore_are_handled(stream: Stream, *, is_seen_first: bool) -> None:
    recorder = Recorder()
    with running(recorder):
        write(1, BEFORE)
        relay.sweep(stream, 0)
        wait_until(lambda: len(recorder.handled) == BEFORE)

        restore(RESTORED)
        if is_seen_first:
            with pytest.raises(Diverged):
                relay.sweep(stream, 0)
        write(BEFORE + 1, WRITES)
        with pytest.raises(Diverged):
            relay.sweep(stream, 0)
        assert divergence.current(0)
        execute_reset(stream, plan_reset(stream, log_was_restored=False))
        relay.sweep(stream, 0)

        wait_until(lambda: written_since() <= {envelope.id for envelope in recorder.handled})
        wait_until(lambda: Checkpoint.objects.get().position == RESTORED + WRITES)
    assert log.last_position(0) == RESTORED + WRITES


def test_a_consumer_goes_back_to_the_checkpoint_of_the_restored_database(stream: Stream) -> None:
    """Without a stream that shows the restore: Redis was wiped too."""
    recorder = Recorder()
    with running(recorder):
        write(1, BEFORE)
        relay.sweep(stream, 0)
        wait_until(lambda: len(recorder.handled) == BEFORE)

        stream._client.flushall()
        restore(RESTORED)
        write(BEFORE + 1, WRITES)
        relay.sweep(stream, 0)

        wait_until(lambda: written_since() <= {envelope.id for envelope in recorder.handled})
    assert len(written_since()) == WRITES
