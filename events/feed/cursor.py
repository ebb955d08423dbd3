"""How far a reader of the feed is, as a text to come back with: a position for each partition."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from events.exceptions import EventError

POSITIONS = re.compile(r"\d{1,19}(-\d{1,19})*", re.ASCII)


class CursorRefused(EventError):
    """The feed can't go on from there."""


class MalformedCursor(CursorRefused):
    """This is no cursor: take one from the feed, as it is."""


class CursorOfAnotherLog(CursorRefused):
    """The cursor was made by a log with another number of partitions."""


class CursorAhead(CursorRefused):
    """The log does not reach as far as the cursor: it was restored from a backup, and knows nothing of later events."""


class FeedCursor(msgspec.Struct, frozen=True):
    """All up to these positions was read; their indices are the partitions' numbers."""

    positions: tuple[int, ...]

    def __str__(self) -> str:
        return urlsafe_b64encode("-".join(map(str, self.positions)).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "FeedCursor":
        """Read what `str` made; raise MalformedCursor for anything else."""
        try:
            decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError as error:
            raise MalformedCursor from error
        if not POSITIONS.fullmatch(decoded):
            raise MalformedCursor
        cursor = cls(tuple(map(int, decoded.split("-"))))
        if str(cursor) != text:  # What is no base64 is passed over when it is decoded.
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
