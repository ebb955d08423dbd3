"""The room of a process for listeners, and what it forgets; tests/integration/config/feed follows real events."""

import asyncio
from threading import Event

import pytest
from pytest_django import Settings

from events.feed.follower import Follower, _Reader
from events.feed.window import FeedWindow
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
