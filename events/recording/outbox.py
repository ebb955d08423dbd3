"""Store envelopes as rows of the log, in the caller's transaction.

In:   envelopes, from events/recording/collector.py.
Out:  rows without a position, which a rollback removes together with the change.
Next: events/relay/flush.py
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from msgspec import json

from events.database import connection, rolled_back_on_error
from events.envelope import Envelope
from events.exceptions import VersionTaken
from events.log.partitions import partition_count, slot_of
from events.measuring.catalogue import STORE_SECONDS, STORED
from events.stages import note

logger = logging.getLogger(__name__)

type _Row = tuple[Any, ...]

ROWS_PER_STATEMENT = 1_000
BYTES_PER_STATEMENT = 8_000_000
COLUMNS = (
    "event_id",
    "partition",
    "type",
    "schema_version",
    "source",
    "subject",
    "aggregate_type",
    "aggregate_version",
    "time",
    "data",
    "correlation_id",
    "causation_id",
    "actor",
    "traceparent",
    "extensions",
    "slot",
)
DATA = COLUMNS.index("data")
INSERT = f"INSERT INTO events_log ({', '.join(COLUMNS)}) VALUES "  # noqa: S608 (constant names)
VERSION_CONSTRAINT, VERSION_COLUMN = "events_log_aggregate_version", "events_log.aggregate_version"
ROW = f"({', '.join(['%s'] * len(COLUMNS))})"


def store(envelopes: Iterable[Envelope]) -> set[int]:
    """Insert the envelopes, at most 1,000 or 8 MB per statement and in memory, and return their partitions.

    Raise VersionTaken if another transaction was first with the same version of an aggregate, and the IntegrityError of
    any other constraint, which to repeat the change would not help. The transaction is then
    rolled back even if the caller catches the exception: a part of the events must not be committed.
    """
    partitions = set()
    with rolled_back_on_error(), connection().cursor() as cursor:
        for rows in _statements(map(_row, envelopes)):
            partitions |= {row[1] for row in rows}
            try:
                with STORE_SECONDS.timed():
                    cursor.execute(INSERT + ", ".join([ROW] * len(rows)), [value for row in rows for value in row])
            except IntegrityError as error:
                if not _is_version_taken(error):
                    raise
                raise VersionTaken(f"{VersionTaken.__doc__} ({error})") from error
            note(logger, "stored", [UUID(row[0]) for row in rows] if logger.isEnabledFor(logging.DEBUG) else ())
            STORED.add(len(rows))
    return partitions


def _is_version_taken(error: IntegrityError) -> bool:
    """Tell by the constraint that PostgreSQL names, or by the columns that SQLite names."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return diagnostics.constraint_name == VERSION_CONSTRAINT if diagnostics else VERSION_COLUMN in str(error)


def _statements(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        size += len(row[DATA])
        if batch and (len(batch) == ROWS_PER_STATEMENT or size > BYTES_PER_STATEMENT):
            yield batch
            batch, size = [], len(row[DATA])
        batch.append(row)
    if batch:
        yield batch


def _row(envelope: Envelope) -> _Row:
    slot = slot_of(envelope.subject)
    return (
        envelope.id.hex,  # PostgreSQL and SQLite both read this text as a UUID.
        slot % partition_count(),
        envelope.type,
        envelope.schema_version,
        envelope.source,
        envelope.subject,
        envelope.aggregate_type,
        envelope.aggregate_version,
        connection().ops.adapt_datetimefield_value(envelope.time),
        envelope.data,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.actor,
        envelope.traceparent,
        json.encode(envelope.extensions).decode() if envelope.extensions else None,
        slot,
    )
