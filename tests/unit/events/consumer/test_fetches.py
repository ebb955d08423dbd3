from events.consumer.fetches import Fetches


def test_entries_of_unknown_size_are_few_over_all_partitions() -> None:
    fetches = Fetches()

    assert fetches.next([0], 500) == ([0], 16)
    assert fetches.next([0, 1, 2, 3], 500) == ([0, 1, 2, 3], 4)
    assert fetches.next(range(64), 500) == (list(range(64)), 1)


def test_a_partition_with_known_sizes_is_read_alone_and_as_much_as_fits() -> None:
    fetches = Fetches()
    fetches.note(0, 480)

    assert fetches.next([0], 500) == ([0], 480)
    assert fetches.next([0], 100) == ([0], 100)
    fetches.note(0, 0)
    assert fetches.next([0], 500) == ([0], 16)


def test_partitions_with_known_sizes_take_turns_with_one_another_and_with_all_others() -> None:
    fetches = Fetches()
    fetches.note(1, 300)
    fetches.note(3, 5)

    turns = [fetches.next([0, 1, 2, 3], 500) for _ in range(6)]

    assert turns == [([0, 2], 8), ([1], 300), ([3], 5)] * 2


def test_a_partition_that_is_not_read_now_has_no_turn() -> None:
    fetches = Fetches()
    fetches.note(1, 300)

    assert [fetches.next([0], 500), fetches.next([], 500)] == [([0], 16), ([], 0)]


def test_a_slow_subscriber_gets_one_entry_of_each_partition_at_least() -> None:
    assert Fetches().next([0, 1, 2, 3], 1) == ([0, 1, 2, 3], 1)
