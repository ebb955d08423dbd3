"""The cursor of the feed: a reader's place as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.feed.cursor import CursorAhead, CursorOfAnotherLog, FeedCursor, MalformedCursor

POSITIONS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20).map(tuple)


@given(POSITIONS)
def test_a_cursor_survives_a_round_trip(positions: tuple[int, ...]) -> None:
    text = str(FeedCursor(positions))

    assert FeedCursor.parse(text) == FeedCursor(positions)
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()  # Needs no escaping in URLs and headers.


@given(POSITIONS, st.data())
def test_a_cursor_with_marks_survives_a_round_trip(positions: tuple[int, ...], data: st.DataObject) -> None:
    marks = data.draw(st.tuples(*[st.sampled_from(["", "0a1b2c3d"])] * len(positions)).filter(any))

    assert FeedCursor.parse(str(FeedCursor(positions, marks))) == FeedCursor(positions, marks)


def test_a_cursor_of_an_earlier_release_is_read() -> None:
    assert FeedCursor.parse("My01") == FeedCursor((3, 5))


@given(st.text())
def test_other_text_is_refused(text: str) -> None:
    try:
        cursor = FeedCursor.parse(text)
    except MalformedCursor:
        return
    assert str(cursor) == text


@pytest.mark.parametrize("text", ["", "7", "MTI=", "M TI", "MDE", "LTE", "MS0t", "Ä", "\x00", "MTI" * 2_000])
def test_text_that_only_resembles_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursor):
        FeedCursor.parse(text)


@given(POSITIONS, st.data())
def test_moving_on_changes_one_partition(positions: tuple[int, ...], data: st.DataObject) -> None:
    partition = data.draw(st.integers(0, len(positions) - 1))

    moved = FeedCursor(positions).moved(partition, 7, "0a1b2c3d")

    assert moved.marks == tuple("0a1b2c3d" * (number == partition) for number in range(len(positions)))
    assert moved.positions == tuple(7 if number == partition else old for number, old in enumerate(positions))


def test_a_cursor_ahead_of_the_log_or_of_other_partitions_is_refused() -> None:
    cursor = FeedCursor((3, 5))

    cursor.expect_within((3, 5), first_partitions=2)
    cursor.expect_within((9, 5), first_partitions=2)
    with pytest.raises(CursorAhead):
        cursor.expect_within((9, 4), first_partitions=2)
    with pytest.raises(CursorOfAnotherLog):
        cursor.expect_within((9,), first_partitions=1)


def test_a_cursor_from_before_a_repartitioning_has_read_nothing_of_the_new_partitions() -> None:
    cursor = FeedCursor((3, 5), ("0123abcd", ""))

    cursor.expect_within((3, 5, 0, 7), first_partitions=1)

    assert cursor.padded(4) == FeedCursor((3, 5, 0, 0), ("0123abcd", "", "", ""))
    assert cursor.moved(3, 2, "") == FeedCursor((3, 5, 0, 2), ("0123abcd", "", "", ""))
    with pytest.raises(CursorOfAnotherLog):
        cursor.expect_within((3, 5, 0, 7), first_partitions=4)
