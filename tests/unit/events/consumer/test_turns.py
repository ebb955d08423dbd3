from collections.abc import Callable
from functools import partial

from events.consumer.turns import Turns, next_in_turn, some_in_turn


class Busy:
    """Kinds of work with so many steps left each; keeps the order of the steps."""

    def __init__(self, **steps: int) -> None:
        self.left = steps
        self.order: list[str] = []

    def works(self) -> list[Callable[[], bool]]:
        return [partial(self.work, name) for name in self.left]

    def work(self, name: str) -> bool:
        if not self.left[name]:
            return False
        self.left[name] -= 1
        self.order.append(name)
        return True


def test_all_who_have_work_take_turns() -> None:
    busy = Busy(stream=3, log=0, target=2, letters=1)
    turns = Turns()

    assert [turns.take(busy.works()) for _ in range(7)] == [True] * 6 + [False]

    assert busy.order == ["stream", "target", "letters", "stream", "target", "stream"]


def test_a_kind_of_work_may_go() -> None:
    busy = Busy(stream=9, target=9)
    turns = Turns()
    turns.take(busy.works())
    turns.take(busy.works())
    del busy.left["target"]

    assert turns.take(busy.works())
    assert turns.take(busy.works())

    assert busy.order == ["stream", "target", "stream", "stream"]


def test_without_work_nothing_is_taken() -> None:
    assert not Turns().take([])


def test_partitions_follow_one_another_in_a_circle() -> None:
    order = [-1]
    for _ in range(5):
        order.append(next_in_turn({2, 0, 5}, order[-1]))

    assert order == [-1, 0, 2, 5, 0, 2]
    assert next_in_turn([1], 1) == 1


def test_some_partitions_follow_one_another_in_a_circle() -> None:
    assert some_in_turn({2, 0, 5}, -1, count=2) == [0, 2]
    assert some_in_turn({2, 0, 5}, 2, count=2) == [5, 0]
    assert some_in_turn({2, 0, 5}, 2, count=9) == [5, 0, 2]
    assert some_in_turn([], 2, count=9) == []
