"""The room of a process for listeners, and what it forgets; tests/integration/config/feed follows real events."""

import asyncio
from threading import Event

import pytest
from pytest_django import Settings

from events.feed.cursor import FeedCursor
from events.feed.follower import Follower, _Reader
from events.feed.window import FeedWindow
from events.log.partitions import Origin, forget_layout, partition_of
from events.models import Partition
from events.operations.forgetting.redaction import raise_generation
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.letters import happen
from tests.things import Recorder


def test_room_is_counted_for_each_reader_and_for_all(settings: Settings) -> None:
    settings.EVENTS_FEED_CLIENTS = 3
    settings.EVENTS_FEED_CLIENTS_PER_READER = 2

    async def scenario() -> None:
        follower = Follower(asyncio.get_running_loop())
        with (
            follower.listening(partitions=0, reader="a") as first,
            follower.listening(partitions=0, reader="a") as second,
        ):
            assert (first, second) == (True, True)
            assert follower.is_full_for("a")
            assert not follower.is_full_for("b")
            with follower.listening(partitions=0, reader="a") as third:  # It was checked before the second one began.
                assert third is False
                assert follower.is_full()
        assert not follower.is_full_for("a")
        assert follower.listeners == 0

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_a_window_is_dropped_when_events_were_redacted(stream: Stream) -> None:
    """The next readers find the events in the log."""
    loop = asyncio.new_event_loop()
    reader = _Reader(Follower(loop), 0, Event())
    first = reader._read()
    happen("a", "b")
    run_until_idle("things", Recorder())
    found = reader._read()
    raise_generation({0})

    again = reader._read()

    loop.close()
    assert isinstance(first, FeedWindow)
    assert isinstance(found, list)
    assert isinstance(again, FeedWindow)
    assert ((first.start, first.end), len(found), (again.start, again.end)) == ((0, 0), 2, (2, 2))
    assert again.after(0) == []
    assert reader._read() is None


@pytest.mark.django_db(transaction=True)
def test_events_of_a_partition_that_a_restored_log_does_not_have_are_shown_to_nobody(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Reader, "start", lambda _reader: None)
    child = Partition.objects.create(number=1, parent=0)
    forget_layout()
    loop = asyncio.new_event_loop()
    follower = Follower(loop)
    readers = [_Reader(follower, number, follower._stopped) for number in (0, 1)]
    for reader in readers:
        assert reader._found_more()
    happen(next(name for name in map(str, range(9)) if partition_of(name) == 1))
    run_until_idle("things", Recorder())
    assert readers[1]._found_more()
    loop.run_until_complete(asyncio.sleep(0))
    assert [event.partition for event in follower.after(FeedCursor((0, 0))) or []] == [1]

    child.delete()  # Restored, as far as the feed can tell.
    assert not readers[1]._found_more()
    loop.run_until_complete(asyncio.sleep(0))

    assert follower.after(FeedCursor((0,))) == []
    loop.close()
    forget_layout()


def test_partitions_have_the_markers_that_were_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Reader, "start", lambda _reader: None)
    loop = asyncio.new_event_loop()
    follower = Follower(loop)

    follower._add_readers([None, Origin(0, 3)], stopped=follower._stopped)
    follower._add_readers([None, Origin(0, 7), Origin(0, 7)], stopped=follower._stopped)

    assert follower._layout == [None, Origin(0, 7), Origin(0, 7)]
    loop.close()
