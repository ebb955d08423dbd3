"""A reader's place in the feed, as text: the position it has reached in each partition, and the event that is there."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from events.exceptions import EventError

PLACE = r"\d{1,19}(?::[0-9a-f]{8})?"
PLACES = re.compile(rf"{PLACE}(?:-{PLACE})*", re.ASCII)
MARK_CHARACTERS = 8


class CursorRefused(EventError):
    """The feed can't continue at this cursor."""


class MalformedCursor(CursorRefused):
    """This is not a cursor: send one from the feed unchanged."""


class CursorOfAnotherLog(CursorRefused):
    """The cursor is from a log with another number of partitions."""


class CursorAhead(CursorRefused):
    """The log lacks the cursor's last event: it was restored from a backup, and no longer has the later events."""


def mark_of(event_id: UUID) -> str:
    """Return the part of an event's id by which a cursor knows it: the random end of a UUIDv7."""
    return event_id.hex[-MARK_CHARACTERS:]


class FeedCursor(msgspec.Struct, frozen=True):
    """All events up to these positions were read; the index is the partition's number.

    A cursor from before the log was repartitioned has fewer of them: it has read nothing of the new partitions.

    `marks` has a part of the id of each last event, "" where it is not known: cursors of earlier releases have none.
    """

    positions: tuple[int, ...]
    marks: tuple[str, ...] = ()

    def __str__(self) -> str:
        places = (f"{place}:{mark}" if mark else str(place) for place, mark in self.places())
        return urlsafe_b64encode("-".join(places).encode()).decode().rstrip("=")

    def places(self) -> Iterator[tuple[int, str]]:
        """Yield the position and the mark of each partition."""
        return zip(self.positions, self.marks or ("",) * len(self.positions), strict=True)

    @classmethod
    def parse(cls, text: str) -> "FeedCursor":
        """Parse the text of a cursor; raise MalformedCursor for any other text."""
        try:
            decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError as error:
            raise MalformedCursor from error
        if not PLACES.fullmatch(decoded):
            raise MalformedCursor
        places = [place.partition(":") for place in decoded.split("-")]
        marks = tuple(mark for _, _, mark in places)
        cursor = cls(tuple(int(position) for position, _, _ in places), marks if any(marks) else ())
        if str(cursor) != text:  # Decoding skips characters that are not base64.
            raise MalformedCursor
        return cursor

    def padded(self, partitions: int) -> "FeedCursor":
        """Return the cursor with a place in so many partitions, or in as many as it has."""
        missing = partitions - len(self.positions)
        if missing <= 0:
            return self
        return FeedCursor(self.positions + (0,) * missing, self.marks and self.marks + ("",) * missing)

    def moved(self, partition: int, position: int, mark: str) -> "FeedCursor":
        places = list(self.padded(partition + 1).places())
        places[partition] = (position, mark)
        positions, marks = zip(*places, strict=True)
        return FeedCursor(positions, marks)

    def expect_within(self, last_positions: Sequence[int], *, first_partitions: int) -> None:
        """Raise CursorOfAnotherLog or CursorAhead if the log that ends at these positions never gave the cursor.

        It began with so many partitions.
        """
        if not first_partitions <= len(self.positions) <= len(last_positions):
            raise CursorOfAnotherLog
        if any(position > last for position, last in zip(self.positions, last_positions, strict=False)):
            raise CursorAhead

    def expect_marks(self, marks: Sequence[str]) -> None:
        """Raise CursorAhead if the log has other events at the positions; "" stands for one that was compacted away."""
        if any(mark and known and mark != known for (_, mark), known in zip(self.places(), marks, strict=True)):
            raise CursorAhead
