"""Refresh soon after a write, but not too often, and not where very much is written."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from events.exceptions import RetryLater
from readmodel.index.prompt_refresh import (
    COST,
    FURTHER_PAUSE_SECONDS,
    MOST_PER_SECOND,
    PAUSE_SECONDS,
    SERVER_INTERVAL_SECONDS,
    PromptRefresh,
    is_very_much,
)
from tests.figures import Figures
from tests.waiting import wait_until

SLOW_SECONDS = 0.1


class Server:
    """Notes when each refresh began."""

    def __init__(self, *, seconds: float = 0.0, fails: bool = False) -> None:
        self.refreshed_at: list[float] = []
        self._seconds = seconds
        self._fails = fails

    def refresh(self) -> bool:
        self.refreshed_at.append(time.monotonic())
        time.sleep(self._seconds)
        if self._fails:
            raise RetryLater("no answer")
        return True


@pytest.fixture
def server() -> Server:
    return Server()


@contextmanager
def refreshing(server: Server, *, pause_seconds: float = PAUSE_SECONDS, share: float = 1.0) -> Iterator[PromptRefresh]:
    refresh = PromptRefresh(server.refresh, pause_seconds=pause_seconds)
    refresh.share = share
    try:
        yield refresh
    finally:
        refresh.close()


def pause_between(server: Server, *, written: int, pause_seconds: float = PAUSE_SECONDS, share: float = 1.0) -> float:
    """Let a first write be refreshed, and then so many at once; return the seconds between the two refreshes."""
    with refreshing(server, pause_seconds=pause_seconds, share=share) as refresh:
        refresh.wrote(1)
        wait_until(lambda: len(server.refreshed_at) == 1)
        refresh.wrote(written)
        time.sleep(2 * PAUSE_SECONDS)  # The next look is over, whatever it found.
        refresh.wrote(1)
        wait_until(lambda: len(server.refreshed_at) >= 2)
    return server.refreshed_at[1] - server.refreshed_at[0]


def test_a_write_is_refreshed_soon_but_not_right_after_another(server: Server) -> None:
    assert pause_between(server, written=1) >= PAUSE_SECONDS


def test_an_index_that_is_not_fed_from_the_stream_is_refreshed_more_rarely(server: Server) -> None:
    assert (
        pause_between(server, written=1, pause_seconds=FURTHER_PAUSE_SECONDS) >= FURTHER_PAUSE_SECONDS > PAUSE_SECONDS
    )


def test_processes_that_share_an_index_refresh_it_together_as_often_as_one(server: Server) -> None:
    assert pause_between(server, written=1, share=1 / 8) >= 8 * PAUSE_SECONDS


def test_processes_leave_it_to_the_server_where_together_they_write_very_much() -> None:
    found = [is_very_much(MOST_PER_SECOND, seconds=2.0, share=share) for share in (1.0, 0.5, 0.25)]

    assert found == [False, False, True]


def test_a_slow_server_gets_a_pause_that_fits() -> None:
    assert pause_between(Server(seconds=SLOW_SECONDS), written=1) >= COST * SLOW_SECONDS


def test_where_very_much_is_written_the_servers_own_refresh_is_left_alone(server: Server) -> None:
    assert pause_between(server, written=10 * MOST_PER_SECOND) >= SERVER_INTERVAL_SECONDS


def test_a_server_that_does_not_answer_is_asked_again_after_the_next_write() -> None:
    server = Server(fails=True)

    assert pause_between(server, written=1) >= PAUSE_SECONDS


def test_nothing_is_refreshed_while_nothing_is_written(server: Server) -> None:
    with refreshing(server) as refresh:
        refresh.wrote(0)

    assert server.refreshed_at == []


@pytest.mark.parametrize(("written", "in_seconds"), [(1, 0.0), (10 * MOST_PER_SECOND, SERVER_INTERVAL_SECONDS)])
def test_the_time_until_searches_find_a_write_is_measured(server: Server, written: int, in_seconds: float) -> None:
    figures = Figures()
    name = "readmodel_searchable_seconds_{} of a test"
    a_minute_ago = timezone.now() - timedelta(seconds=60)
    refresh = PromptRefresh(server.refresh, "of a test")
    try:
        refresh.wrote(1)
        wait_until(lambda: len(server.refreshed_at) == 1)
        refresh.wrote(written, recorded=a_minute_ago)
        wait_until(lambda: figures.of(name.format("count"))[name.format("count")])
    finally:
        refresh.close()

    assert 60 + in_seconds <= figures.of(name.format("sum"))[name.format("sum")] < 120
