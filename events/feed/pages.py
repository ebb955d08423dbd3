"""Read the log as a feed, for those who consume over HTTP: the next events after a cursor, of all or some kinds."""

from collections.abc import Iterable
from typing import Any

import msgspec
from django.db.models import Func, QuerySet

from events.envelope import Envelope
from events.feed.cursor import FeedCursor
from events.log.reading import BATCH_BYTES, ENVELOPE_COLUMNS
from events.models import LogEntry, Partition

SCANNED_AT_ONCE = 100_000
"""So many positions are looked at for one page: few events may be wanted, and a request must end."""


class FeedEvent(msgspec.Struct, frozen=True):
    """An event as the feed shows it, with what it is chosen by."""

    partition: int
    position: int
    type: str
    subject: str
    json: bytes


class FeedFilter(msgspec.Struct, frozen=True):
    """The events that a reader asks for: of one of these types, and of one of these aggregates; empty is all."""

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
    """Events in the order of their positions within each partition; none, perhaps, and still there are more."""

    events: list[FeedEvent]
    next: FeedCursor
    has_more: bool


class _OctetLength(Func):
    function = "OCTET_LENGTH"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        return self.as_sql(compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **options)


def read_page(cursor: FeedCursor, wanted: FeedFilter = ALL, *, limit: int, max_bytes: int = BATCH_BYTES) -> FeedPage:
    """Return the next events: so many or so large at most, but one if there is one. Raise CursorRefused.

    The partition that is most behind comes first, so that a busy one keeps none of the others waiting for ever.
    """
    ends = _last_positions()
    cursor.expect_within(ends)
    page = _UnfinishedPage(wanted, limit=limit, max_bytes=max_bytes)
    for partition in sorted(range(len(ends)), key=lambda number: cursor.positions[number] - ends[number]):
        reached = page.fill(partition, cursor.positions[partition], ends[partition])
        cursor = cursor.moved(partition, reached)
    return FeedPage(events=page.events, next=cursor, has_more=cursor.positions != ends)


def start() -> FeedCursor:
    """Return the cursor before the log's first event."""
    return FeedCursor((0,) * len(_last_positions()))


def end() -> FeedCursor:
    """Return the cursor after the log's last event."""
    return FeedCursor(_last_positions())


def expect_known(cursor: FeedCursor) -> None:
    """Raise CursorRefused if this log never gave the cursor."""
    cursor.expect_within(_last_positions())


def _last_positions() -> tuple[int, ...]:
    return tuple(Partition.objects.order_by("number").values_list("last_position", flat=True))


def feed_event(partition: int, envelope: Envelope) -> FeedEvent:
    """Show the event as it is on the stream, but with JSON for what is JSON, and with its place."""
    fields: dict[str, Any] = dict(envelope.to_fields())
    fields["data"] = msgspec.Raw(envelope.data.encode())
    fields["aggregateversion"] = envelope.aggregate_version
    fields |= {"partition": partition, "position": envelope.position}
    json = msgspec.json.encode(fields).translate(None, b"\r\n")  # Between tokens only; one line for whoever needs it.
    return FeedEvent(partition, envelope.position or 0, envelope.type, envelope.subject, json)


class _UnfinishedPage:
    """What was found so far, and how much more there is room for."""

    def __init__(self, wanted: FeedFilter, *, limit: int, max_bytes: int) -> None:
        self.events: list[FeedEvent] = []
        self._wanted = wanted
        self._rows_left = limit
        self._bytes_left = max_bytes

    def fill(self, partition: int, after: int, last: int) -> int:
        """Add the partition's next events as far as they fit; return the position up to which it was read."""
        until = min(after + SCANNED_AT_ONCE, last)
        rows = LogEntry.objects.filter(partition=partition, position__gt=after, position__lte=until)
        upcoming = self._wanted.narrow(rows).order_by("position")
        sizes = list(upcoming.values_list("position", _OctetLength("data"))[: self._rows_left])
        is_all = len(sizes) < self._rows_left
        fitting = self._take(sizes)
        if fitting:
            found = upcoming.filter(position__lte=fitting[-1]).values_list(*ENVELOPE_COLUMNS)
            self.events += (feed_event(partition, _envelope(row)) for row in found)
        if is_all and len(fitting) == len(sizes):
            return until
        return fitting[-1] if fitting else after

    def _take(self, sizes: Iterable[tuple[int, int]]) -> list[int]:
        """Return the positions of those that still fit; the page's first one always does."""
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
