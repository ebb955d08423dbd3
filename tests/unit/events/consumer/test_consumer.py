import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.exceptions import Diverged, RetryLater, TargetLost, Unprocessable
from events.groups.ownership import Ownership
from events.models import Checkpoint, DeadLetter, LogEntry, Partition
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade, envelope_at

pytestmark = pytest.mark.django_db

GROUP = "recorder"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(autouse=True)
def _impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EVENTS_BLOCK_SECONDS = 0.01
    monkeypatch.setattr("events.processes.backoff.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(
        "events.consumer.consumer.connections.close_all", lambda: None
    )  # One of them has the test's transaction.


def make_things(count: int, stream: Stream) -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))
    relay.sweep(stream, 0)


def consume(recorder: Recorder, stream: Stream) -> list[int | None]:
    Consumer(recorder, stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=Limits()).run(until_idle=True)
    return recorder.positions


def checkpoint(target: str = "") -> int:
    return Checkpoint.objects.get(group=GROUP, target=target).position


def test_events_are_handled_in_order_and_acknowledged(recorder: Recorder, stream: Stream) -> None:
    make_things(7, stream)

    assert consume(recorder, stream) == [1, 2, 3, 4, 5, 6, 7]

    assert checkpoint() == 7
    assert stream.pending(0, GROUP) == 0
    assert recorder.closed


def test_a_second_run_continues_where_the_first_ended(recorder: Recorder, stream: Stream) -> None:
    make_things(2, stream)
    consume(recorder, stream)
    make_things(2, stream)

    assert consume(recorder, stream) == [1, 2, 3, 4]


def test_events_read_but_not_handled_are_read_again(recorder: Recorder, stream: Stream) -> None:
    make_things(3, stream)
    stream.create_group(0, GROUP, after=0)
    stream.read(GROUP, "one", [0], count=2, block_seconds=0.01)  # By a process that died afterwards.

    assert consume(recorder, stream) == [1, 2, 3]

    assert stream.pending(0, GROUP) == 0


def test_events_handled_but_not_acknowledged_are_skipped(recorder: Recorder, stream: Stream) -> None:
    make_things(3, stream)
    consume(recorder, stream)
    stream._client.xgroup_setid(stream.key(0), GROUP, "0")
    stream.read(GROUP, "one", [0], count=2, block_seconds=0.01)

    assert consume(recorder, stream) == [1, 2, 3]

    assert stream.pending(0, GROUP) == 0


@pytest.mark.parametrize("lost", [("2-0",), ("1-0", "2-0", "3-0"), ("5-0",), ("1-0", "2-0", "3-0", "4-0", "5-0")])
def test_positions_that_the_stream_lacks_are_read_from_the_log(
    recorder: Recorder, stream: Stream, lost: tuple[str, ...]
) -> None:
    make_things(5, stream)
    stream._client.xdel(stream.key(0), *lost)

    assert consume(recorder, stream) == [1, 2, 3, 4, 5]


def test_after_a_wipe_events_are_read_from_the_log(recorder: Recorder, stream: Stream) -> None:
    make_things(2, stream)
    consume(recorder, stream)
    make_things(2, stream)
    stream._client.flushall()

    assert consume(recorder, stream) == [1, 2, 3, 4]


def test_compacted_positions_are_not_gaps(recorder: Recorder, stream: Stream) -> None:
    make_things(4, stream)
    LogEntry.objects.filter(place__position__in=[1, 3]).delete()
    stream._client.xdel(stream.key(0), "1-0", "3-0")

    assert consume(recorder, stream) == [2, 4]

    assert checkpoint() == 4


@pytest.mark.parametrize("foreign_id", ["*", "4-0"])
def test_a_foreign_entry_is_counted_and_moves_no_checkpoint(
    recorder: Recorder, stream: Stream, foreign_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    make_things(3, stream)
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id=foreign_id)

    assert consume(recorder, stream) == [1, 2, 3]

    assert checkpoint() == 3
    assert stream.pending(0, GROUP) == 0
    assert "ignores entries of partition 0 that are not ours" in caplog.text
    assert Partition.objects.get(number=0).foreign_entries == 1


def test_retry_later_keeps_the_batch(recorder: Recorder, stream: Stream) -> None:
    make_things(3, stream)
    recorder.raises = [RetryLater("not yet"), RetryLater("not yet")]

    assert consume(recorder, stream) == [1, 2, 3]

    assert not DeadLetter.objects.exists()


def test_a_bug_in_a_subscriber_is_logged_and_loses_nothing(
    recorder: Recorder, stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    make_things(3, stream)
    recorder.raises = [ZeroDivisionError("a bug")]

    assert consume(recorder, stream) == [1, 2, 3]

    assert "ZeroDivisionError: a bug" in caplog.text


def test_only_the_unprocessable_event_is_parked(recorder: Recorder, stream: Stream) -> None:
    make_things(5, stream)
    recorder.refuses = {"thing-3": Unprocessable("it does not fit")}

    consume(recorder, stream)

    assert set(recorder.positions) == {1, 2, 4, 5}
    [letter] = DeadLetter.objects.all()
    assert (letter.group, letter.position, letter.type, letter.subject, letter.error) == (
        GROUP,
        3,
        "thing.made",
        "thing-3",
        "it does not fit",
    )
    assert checkpoint() == 5


def test_a_new_target_is_fed_from_the_start_of_the_log(recorder: Recorder, stream: Stream) -> None:
    make_things(3, stream)
    recorder.target = "first"
    consume(recorder, stream)
    recorder.target = "second"

    assert consume(recorder, stream) == [1, 2, 3, 1, 2, 3]

    assert (checkpoint("first"), checkpoint("second")) == (3, 3)


def test_a_lost_target_is_opened_again(recorder: Recorder, stream: Stream) -> None:
    make_things(3, stream)

    class Deleted(TargetLost):
        def __init__(self) -> None:
            recorder.target = "anew"
            super().__init__("the index is gone")

    consume(recorder, stream)
    recorder.raises = []
    make_things(1, stream)
    recorder.refuses = {"thing-4": Unprocessable("never reached")}
    recorder.raises = [Deleted()]

    consume(recorder, stream)

    assert checkpoint("anew") == 4


def test_the_checkpoint_never_exceeds_the_log(recorder: Recorder, stream: Stream) -> None:
    make_things(2, stream)

    consume(recorder, stream)

    assert checkpoint() == log.last_position(0) == 2


def test_events_that_are_not_in_the_log_are_not_handled(
    recorder: Recorder, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_things(2, stream)
    consume(recorder, stream)
    stream.append(0, stream.tail(0), [envelope_at(3), envelope_at(4)])  # As after a restore of the log from a backup.

    def stop(_consumer: Consumer, error: Exception) -> None:
        raise error

    monkeypatch.setattr(Consumer, "_back_off", stop)
    with pytest.raises(Diverged, match="at 4, but the log does not"):
        consume(recorder, stream)

    assert recorder.positions == [1, 2]
    assert checkpoint() == 2


def test_no_group_parks_a_foreign_entry(stream: Stream) -> None:
    make_things(3, stream)
    stream._client.xadd(stream.key(0), {"KEY": "VALUE"})

    for group in ("one", "one", "other"):  # A take-over sets the group back to its checkpoint, before the entry.
        ownership = Ownership(group, "process")
        Consumer(Recorder(), stream, ownership, shutdown=Shutdown(), limits=Limits()).run(until_idle=True)

    assert not DeadLetter.objects.exists()
    assert Partition.objects.get(number=0).foreign_entries == 3
