"""Redact some aggregates: their rows, all their events and the letters of these, in one transaction.

Each event is written in the current version, at the same place in the log. A new event tells readers, and raises the
aggregate's version, so that a late write of the former state is refused. The generation is raised, so that entries of
the stream that were signed before are not believed.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from django.db.models import F, Max, Model, Value
from django.db.models.functions import Greatest

from events import database, record, unit_of_work
from events.aggregates import Aggregate, key_of, load_aggregates, locked_rows, rows_in_database
from events.event import aggregate_type_of, type_of
from events.log.partitions import ancestors_of, partition_of
from events.models import DeadLetter, LogEntry, Partition
from events.operations.forgetting.find import Batch, candidates
from events.operations.forgetting.letters import redact_letters
from events.personal_data import Person, redacted_data

ENTRIES_AT_ONCE = 500
UPDATE = """
UPDATE events_log SET data = %s, schema_version = %s, actor = %s, correlation_id = %s, extensions = %s WHERE id = %s
"""
RESIZE = "UPDATE events_position SET size = %s WHERE entry_id = %s"


class Redacted(NamedTuple):
    """How much was redacted in one transaction."""

    aggregates: int
    events: int


def redact(batch: Batch, person: Person) -> Redacted:
    """Redact those aggregates that have the person, with the names in their free texts, or only those of others."""
    if not batch.subjects:
        return Redacted(0, 0)
    aggregate = load_aggregates().get(batch.aggregate_type)
    with unit_of_work():
        rows = _locked(aggregate, batch.subjects) if aggregate else {}
        own = _own(batch, person, aggregate)
        chosen = {*batch.subjects} - own if batch.is_of_others else own
        events = Counter[str]()
        for entries in _pages(batch.aggregate_type, chosen):
            changed = [new for entry in entries if (new := _redacted(entry, person, names=True))]
            _write(changed, person)
            events.update(entry.subject for entry in changed)
        touched = {*events} if batch.is_of_others else own
        if aggregate:
            _redact_rows(
                aggregate, {subject: row for subject, row in rows.items() if subject in touched}, person=person
            )
        raise_generation({number for subject in touched for number in _partitions_of(subject)})
    return Redacted(len(touched), events.total())


def _partitions_of(subject: str) -> set[int]:
    """Return the partitions that may have events of the aggregate."""
    return {partition_of(subject), *ancestors_of(partition_of(subject))}


def raise_generation(partitions: Collection[int]) -> None:
    """Let no entry be believed that was signed before; a restored database may not know how high it was."""
    now = Value(int(time.time()))
    rows = Partition.objects.filter(number__in=partitions)
    rows.update(generation=Greatest(F("generation") + 1, now), signed_from=0)


def _locked(aggregate: Aggregate[Model], subjects: Collection[str]) -> Mapping[str, Model]:
    return {str(row.pk): row for row in locked_rows(aggregate, _keys(aggregate, subjects))}


def _keys(aggregate: Aggregate[Model], subjects: Collection[str]) -> list[object]:
    return [key for subject in subjects if (key := key_of(aggregate, subject)) is not None]


def _own(batch: Batch, person: Person, aggregate: Aggregate[Model] | None) -> set[str]:
    """Return the aggregates that have the person's identity, now or in any event."""
    entries = candidates([person.identity]).filter(aggregate_type=batch.aggregate_type, subject__in=batch.subjects)
    own = {entry.subject for entry in entries.iterator() if _redacted(entry, person, names=False)}
    if aggregate is None:
        return own
    rows = aggregate.rows_of(person).using(database.alias()).filter(pk__in=_keys(aggregate, batch.subjects))
    return own | {str(key) for key in rows.values_list("pk", flat=True)}


def _pages(aggregate_type: str, subjects: Collection[str]) -> Iterator[list[LogEntry]]:
    """Yield the aggregates' events, some at a time, in the order of their ids."""
    entries = LogEntry.objects.filter(aggregate_type=aggregate_type, subject__in=subjects).order_by("id")
    page = list(entries[:ENTRIES_AT_ONCE])
    while page:
        yield page
        page = list(entries.filter(id__gt=page[-1].id)[:ENTRIES_AT_ONCE])


def _redacted(entry: LogEntry, person: Person, *, names: bool) -> LogEntry | None:
    """Return a copy of the row without the person; None if it has nothing of it."""
    data, version = redacted_data(entry.type, entry.schema_version, entry.data, person=person, names=names)
    extensions = entry.extensions and {
        name: person.removed_from(text, names=names) for name, text in entry.extensions.items()
    }
    changed = {
        "data": data,
        "schema_version": version,
        "actor": person.removed_from(entry.actor),
        "correlation_id": person.removed_from(entry.correlation_id),
        "extensions": extensions,
    }
    if all(getattr(entry, name) == value for name, value in changed.items()):
        return None
    fields = {field.attname: getattr(entry, field.attname) for field in LogEntry._meta.concrete_fields}
    return LogEntry(**fields | changed)


def _write(changed: Sequence[LogEntry], person: Person) -> None:
    if not changed:
        return
    with database.connection().cursor() as cursor:
        cursor.executemany(UPDATE, [_columns(entry) for entry in changed])
        cursor.executemany(RESIZE, [(len(entry.data.encode()), entry.id) for entry in changed])
    redact_letters(DeadLetter.objects.filter(event_id__in=[entry.event_id for entry in changed]), person, names=True)


def _columns(entry: LogEntry) -> tuple[str | int | None, ...]:
    extensions = msgspec.json.encode(entry.extensions).decode() if entry.extensions else None
    return (entry.data, entry.schema_version, entry.actor, entry.correlation_id, extensions, entry.id)


def _redact_rows(aggregate: Aggregate[Model], rows: Mapping[str, Model], *, person: Person) -> None:
    """Redact the rows, and record an event for each with its next version."""
    if not rows:
        return
    version, columns = aggregate.version_field, {aggregate.version_field}
    newest = _newest_versions(aggregate, rows)
    for subject, row in rows.items():
        columns |= set(aggregate.redact(row, person))
        setattr(row, version, max(getattr(row, version), newest.get(subject, 0)) + 1)
    rows_in_database(aggregate).bulk_update(rows.values(), columns)
    record(*map(aggregate.redaction, rows.values()))


def _newest_versions(aggregate: Aggregate[Model], rows: Mapping[str, Model]) -> Mapping[str, int]:
    """Return the versions of the log, which may be above those of rows that were changed without an event."""
    name = aggregate_type_of(type_of(type(aggregate.redaction(next(iter(rows.values()))))).name)
    entries = LogEntry.objects.filter(aggregate_type=name, subject__in=rows)
    return dict(entries.values("subject").annotate(newest=Max("aggregate_version")).values_list("subject", "newest"))
