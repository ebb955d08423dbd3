"""The room of a process for listeners; tests/integration/config/feed follows real events."""

import asyncio

from pytest_django import Settings

from events.feed.follower import Follower


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
