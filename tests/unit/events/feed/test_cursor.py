"""The cursor of the feed: a text that says how far a reader is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.feed.cursor import CursorAhead, CursorOfAnotherLog, FeedCursor, MalformedCursor

POSITIONS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20).map(tuple)


@given(POSITIONS)
def test_it_is_read_as_it_was_written(positions: tuple[int, ...]) -> None:
    text = str(FeedCursor(positions))

    assert FeedCursor.parse(text) == FeedCursor(positions)
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()  # Fits into an address and a header as it is.


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    try:
        cursor = FeedCursor.parse(text)
    except MalformedCursor:
        return
    assert str(cursor) == text


@pytest.mark.parametrize("text", ["", "7", "MTI=", "M TI", "MDE", "LTE", "MS0t", "Ä", "\x00", "MTI" * 2_000])
def test_what_merely_looks_like_one_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursor):
        FeedCursor.parse(text)


@given(POSITIONS, st.data())
def test_moving_on_changes_one_partition(positions: tuple[int, ...], data: st.DataObject) -> None:
    partition = data.draw(st.integers(0, len(positions) - 1))

    moved = FeedCursor(positions).moved(partition, 7)

    assert moved.positions == tuple(7 if number == partition else old for number, old in enumerate(positions))


def test_a_log_that_ends_before_it_or_has_other_partitions_refuses_it() -> None:
    cursor = FeedCursor((3, 5))

    cursor.expect_within((3, 5))
    cursor.expect_within((9, 5))
    with pytest.raises(CursorAhead):
        cursor.expect_within((9, 4))
    with pytest.raises(CursorOfAnotherLog):
        cursor.expect_within((9,))
