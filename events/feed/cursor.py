"""A reader's place in the feed, as text: the position it has reached in each partition."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from events.exceptions import EventError

POSITIONS = re.compile(r"\d{1,19}(-\d{1,19})*", re.ASCII)


class CursorRefused(EventError):
    """The feed can't continue at this cursor."""


class MalformedCursor(CursorRefused):
    """This is not a cursor: send one from the feed unchanged."""


class CursorOfAnotherLog(CursorRefused):
    """The cursor is from a log with another number of partitions."""


class CursorAhead(CursorRefused):
    """The log ends before the cursor: it was restored from a backup, and no longer has the later events."""


class FeedCursor(msgspec.Struct, frozen=True):
    """All events up to these positions were read; the index is the partition's number."""

    positions: tuple[int, ...]

    def __str__(self) -> str:
        return urlsafe_b64encode("-".join(map(str, self.positions)).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "FeedCursor":
        """Parse the text of a cursor; raise MalformedCursor for any other text."""
        try:
            decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError as error:
            raise MalformedCursor from error
        if not POSITIONS.fullmatch(decoded):
            raise MalformedCursor
        cursor = cls(tuple(map(int, decoded.split("-"))))
        if str(cursor) != text:  # Decoding skips characters that are not base64.
            raise MalformedCursor
        return cursor

    def moved(self, partition: int, position: int) -> "FeedCursor":
        return FeedCursor((*self.positions[:partition], position, *self.positions[partition + 1 :]))

    def expect_within(self, last_positions: Sequence[int]) -> None:
        """Raise CursorOfAnotherLog or CursorAhead if the log that ends at these positions never gave the cursor."""
        if len(self.positions) != len(last_positions):
            raise CursorOfAnotherLog
        if any(position > last for position, last in zip(self.positions, last_positions, strict=True)):
            raise CursorAhead
