"""Work in the background keeps nobody waiting, and its errors are raised later."""

from collections.abc import Iterator
from contextlib import closing
from threading import Event, current_thread

import pytest

from events.exceptions import TargetLost
from readmodel.background import Background
from tests.waiting import wait_until


@pytest.fixture
def background() -> Iterator[Background]:
    with closing(Background()) as background:
        yield background


def test_whoever_begins_work_does_not_wait_for_it(background: Background) -> None:
    may_end = Event()
    threads = []

    background.begin(lambda: threads.append((may_end.wait(), current_thread())))
    background.begin(lambda: threads.append((True, current_thread())))  # The first one still runs.
    may_end.set()
    background.settle()

    [(_, thread)] = threads
    assert thread is not current_thread()


def test_what_work_raises_is_raised_when_the_next_one_is_to_begin(background: Background) -> None:
    done = []

    background.begin(lose_target)
    background.settle()
    with pytest.raises(TargetLost):
        background.begin(lambda: done.append("too early"))
    background.begin(lambda: done.append("next"))
    background.settle()

    assert done == ["next"]


def test_what_was_raised_can_be_forgotten(background: Background) -> None:
    background.begin(lose_target)

    background.forget()
    background.begin(lambda: None)


def test_to_settle_ends_the_pauses_of_the_work(background: Background) -> None:
    paused = Event()
    ends = []

    def work() -> None:
        paused.set()
        ends.append(background.pause(60))

    background.begin(work)
    wait_until(paused.is_set)
    background.settle()
    background.begin(lambda: ends.append(background.pause(0)))
    background.settle()

    assert ends[0] is True
    assert len(ends) == 2


def lose_target() -> None:
    raise TargetLost("the index is gone")
