"""Items are made ahead in another thread, one at a time."""

from collections.abc import Generator
from threading import Event, current_thread

import pytest

from readmodel.ahead import made_ahead
from tests.waiting import wait_until


class Numbers:
    """Numbers that note which of them were made, and whether their making was ended."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.made: list[int] = []
        self.ended_in = ""
        self._fails_at = fails_at

    def each(self) -> Generator[int]:
        try:
            for number in range(10):
                if number == self._fails_at:
                    raise ValueError(number)
                self.made.append(number)
                yield number
        finally:
            self.ended_in = current_thread().name


def test_all_items_come_in_order() -> None:
    assert list(made_ahead(made_ahead(Numbers().each()))) == list(range(10))


def test_the_next_item_is_made_meanwhile_and_no_more() -> None:
    numbers = Numbers()

    items = made_ahead(numbers.each())

    assert next(items) == 0
    wait_until(lambda: numbers.made == [0, 1])
    assert next(items) == 1
    wait_until(lambda: numbers.made == [0, 1, 2])
    items.close()
    assert numbers.made == [0, 1, 2]


def test_an_error_comes_in_its_place() -> None:
    items = made_ahead(made_ahead(Numbers(fails_at=2).each()))

    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(items)


def test_who_ends_early_ends_the_making_in_its_thread() -> None:
    numbers = Numbers()
    items = made_ahead(made_ahead(numbers.each()))

    next(items)
    items.close()

    assert numbers.ended_in.startswith("ahead")


def test_an_interrupted_reader_waits_only_for_the_item_that_is_being_made() -> None:
    may_go_on = Event()

    def slow() -> Generator[int]:
        yield 1
        may_go_on.wait()
        yield 2

    items = made_ahead(slow())
    next(items)
    may_go_on.set()

    with pytest.raises(KeyboardInterrupt):
        items.throw(KeyboardInterrupt)
    assert list(items) == []
