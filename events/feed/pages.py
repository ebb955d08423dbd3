"""Read the log as a feed for HTTP clients: the next events after a cursor, all of them or filtered."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from django.db.models import QuerySet

from events.envelope import Envelope
from events.feed.cursor import FeedCursor, mark_of
from events.log.partitions import Layout, notice_count, origin_of, origins_of
from events.log.reading import BATCH_BYTES, ENVELOPE_COLUMNS
from events.models import LogEntry, Partition, Position

SCANNED_AT_ONCE = 100_000
"""The most positions that one page scans: a filter may match few events, and a request must end."""


class FeedEvent(msgspec.Struct, frozen=True):
    """An event as the feed shows it, with the fields that filters use."""

    partition: int
    position: int
    type: str
    subject: str
    mark: str
    """The part of its id that a cursor has."""
    json: bytes


class FeedFilter(msgspec.Struct, frozen=True):
    """The events that a reader asks for: of one of these types and aggregates; an empty set means all."""

    types: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    def includes(self, event: FeedEvent) -> bool:
        return (not self.types or event.type in self.types) and (not self.subjects or event.subject in self.subjects)

    def narrow(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        if self.types:
            rows = rows.filter(type__in=self.types)
        return rows.filter(subject__in=self.subjects) if self.subjects else rows


ALL = FeedFilter()


class FeedPage(msgspec.Struct, frozen=True):
    """Events, in order within each partition. There may be none although more follow."""

    events: list[FeedEvent]
    next: FeedCursor
    has_more: bool


def read_page(cursor: FeedCursor, wanted: FeedFilter = ALL, *, limit: int, max_bytes: int = BATCH_BYTES) -> FeedPage:
    """Return the next events, up to `limit` or `max_bytes`, but at least one if there is any. Raise CursorRefused.

    The partition that is furthest behind comes first, so that a busy one does not starve the others. One that was split
    off from another one waits until the events before the split were read: its aggregates' earlier events are there.
    """
    partitions = expect_known(cursor)
    ends = tuple(partition.last_position for partition in partitions)
    known = list(map(origin_of, partitions))  # What is cached may be older than a restore of the log.
    page = _UnfinishedPage(wanted, limit=limit, max_bytes=max_bytes)
    reached = list(cursor.padded(len(ends)).positions)
    for partition in sorted(range(len(ends)), key=lambda number: reached[number] - ends[number]):
        if may_read(partition, reached, known):
            reached[partition] = page.fill(partition, reached[partition], ends[partition])
    return FeedPage(events=page.events, next=_cursor_at(tuple(reached)), has_more=tuple(reached) != ends)


def start() -> FeedCursor:
    """Return the cursor before the log's first event."""
    return FeedCursor((0,) * len(_last_positions()))


def end() -> FeedCursor:
    """Return the cursor after the log's last event."""
    return _cursor_at(_last_positions())


def expect_known(cursor: FeedCursor) -> list[Partition]:
    """Return the log's partitions; raise CursorRefused if this log never gave the cursor."""
    partitions = list(Partition.objects.order_by("number"))
    notice_count(len(partitions))
    ends = tuple(partition.last_position for partition in partitions)
    cursor.expect_within(ends, first_partitions=sum(partition.parent is None for partition in partitions))
    if any(cursor.marks):
        cursor.expect_marks(_marks(cursor.positions))
    return partitions


def may_read(partition: int, reached: Sequence[int], known: Layout) -> bool:
    """Tell whether a reader at these positions has read what comes before the partition's events."""
    return all(reached[origin.parent] >= origin.position for origin in origins_of(partition, known))


def mark_at(partition: int, position: int) -> str:
    """Return the mark of the event at the position, "" if there is none."""
    event_id = Position.objects.filter(partition=partition, position=position).values_list("entry__event_id", flat=True)
    return mark_of(found) if (found := event_id.first()) else ""


def _cursor_at(positions: tuple[int, ...]) -> FeedCursor:
    marks = _marks(positions)
    return FeedCursor(positions, marks if any(marks) else ())


def _marks(positions: Sequence[int]) -> tuple[str, ...]:
    return tuple(mark_at(partition, position) if position else "" for partition, position in enumerate(positions))


def _last_positions() -> tuple[int, ...]:
    return tuple(Partition.objects.order_by("number").values_list("last_position", flat=True))


def feed_event(partition: int, envelope: Envelope) -> FeedEvent:
    """Return the event as on the stream, but with real JSON for numbers and data, and with its position."""
    fields: dict[str, Any] = dict(envelope.to_fields())
    fields["data"] = msgspec.Raw(envelope.data.encode())
    fields["aggregateversion"] = envelope.aggregate_version
    fields |= {"partition": partition, "position": envelope.position}
    json = msgspec.json.encode(fields).translate(
        None, b"\r\n"
    )  # They occur only between tokens; server-sent events need one line.
    return FeedEvent(partition, envelope.position or 0, envelope.type, envelope.subject, mark_of(envelope.id), json)


class _UnfinishedPage:
    """The events found so far, and the room that is left."""

    def __init__(self, wanted: FeedFilter, *, limit: int, max_bytes: int) -> None:
        self.events: list[FeedEvent] = []
        self._wanted = wanted
        self._rows_left = limit
        self._bytes_left = max_bytes

    def fill(self, partition: int, after: int, last: int) -> int:
        """Add the partition's next events as far as they fit; return the position that was reached."""
        until = min(after + SCANNED_AT_ONCE, last)
        rows = LogEntry.objects.filter(
            place__partition=partition, place__position__gt=after, place__position__lte=until
        )
        upcoming = self._wanted.narrow(rows).order_by("place__position")
        sizes = list(upcoming.values_list("place__position", "place__size")[: self._rows_left])
        is_all = len(sizes) < self._rows_left
        fitting = self._take(sizes)
        if fitting:
            found = upcoming.filter(place__position__lte=fitting[-1]).values_list(*ENVELOPE_COLUMNS)
            self.events += (feed_event(partition, _envelope(row)) for row in found)
        if is_all and len(fitting) == len(sizes):
            return until
        return fitting[-1] if fitting else after

    def _take(self, sizes: Iterable[tuple[int, int]]) -> list[int]:
        """Return the positions of the events that still fit; the page's first event always does."""
        taken: list[int] = []
        for position, size in sizes:
            if size > self._bytes_left and (taken or self.events):
                self._bytes_left = 0
                break
            self._bytes_left -= size
            self._rows_left -= 1
            taken.append(position)
        return taken


def _envelope(row: tuple[Any, ...]) -> Envelope:
    return Envelope(**dict(zip(ENVELOPE_COLUMNS.values(), row, strict=True)))
