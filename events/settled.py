"""Look up by aggregate what a group has settled, for who compares its effects with the log."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Max

from events.envelope import Envelope
from events.log import ENVELOPE_COLUMNS
from events.models import Checkpoint, DeadLetter, LogEntry, Partition

# The choice comes first, by itself: in one statement with the rows, PostgreSQL would read the whole log for a join.
CHOSEN = """
WITH wanted ({keys}) AS (VALUES {rows})
SELECT ({choice}) AS id, subject FROM wanted
"""
# An event that was handled as somebody has edited it tells what was edited.
ENTRIES = """
SELECT log.*, letter.edited_data, letter.edited_version
FROM events_log AS log
LEFT JOIN events_dead_letter AS letter
    ON letter."group" = %s AND letter.target = %s AND letter.event_id = log.event_id
WHERE log.id IN ({ids})
"""
NEWEST_SETTLED = """
    SELECT newest.id FROM events_log AS newest
    JOIN events_checkpoint AS checkpoint
        ON checkpoint."group" = %s AND checkpoint.target = %s AND checkpoint.partition = newest.partition
    WHERE newest.aggregate_type = %s AND newest.subject = wanted.subject AND newest.type IN ({types})
        AND newest.position <= checkpoint.position AND NOT EXISTS (
            SELECT 1 FROM events_dead_letter AS open_letter
            WHERE open_letter."group" = checkpoint."group" AND open_letter.target = checkpoint.target
                AND open_letter.event_id = newest.event_id AND open_letter.state <> 'handled'
        )
    ORDER BY newest.aggregate_version DESC LIMIT 1
"""
FIRST_FROM = """
    SELECT first.id FROM events_log AS first
    WHERE first.aggregate_type = %s AND first.subject = wanted.subject AND first.type IN ({types})
        AND first.aggregate_version >= wanted.version
    ORDER BY first.aggregate_version LIMIT 1
"""
KNOWN = """
WITH wanted (subject) AS (VALUES {rows})
SELECT 0 AS id, subject FROM wanted
WHERE EXISTS (SELECT 1 FROM events_log WHERE aggregate_type = %s AND events_log.subject = wanted.subject)
"""


class SettledEvents:
    """The events of one aggregate type that a group handles for one of its targets."""

    def __init__(self, group: str, target: str, aggregate_type: str, types: Collection[str]) -> None:
        self._place = (group, target)
        self._aggregate_type = aggregate_type
        self._types = tuple(types)
        self._entries = LogEntry.objects.filter(aggregate_type=aggregate_type)

    def count_aggregates(self) -> int:
        return self._entries.values("subject").distinct().count()

    def count_unsettled(self) -> int:
        """Return how many positions of the log the group has not come to."""
        group, target = self._place
        reached = dict(Checkpoint.objects.filter(group=group, target=target).values_list("partition", "position"))
        given = Partition.objects.values_list("number", "last_position")
        return sum(max(0, last - reached.get(number, 0)) for number, last in given)

    def subjects_after(self, subject: str, limit: int) -> list[str]:
        """Return the next subjects in the database's own order."""
        page = self._entries.filter(subject__gt=subject).order_by("subject")
        return list(page.values_list("subject", flat=True).distinct()[:limit])

    def random_subjects(self, count: int) -> list[str]:
        # The database keeps only so many in memory while it sorts.
        each = self._entries.values("subject").annotate(newest=Max("aggregate_version"))
        return list(each.order_by("?").values_list("subject", flat=True)[:count])

    def newest(self, subjects: Sequence[str]) -> dict[str, Envelope]:
        """Return the newest event of each aggregate that is settled, and neither parked nor discarded.

        Its effect was there before this answers.
        """
        choice = (NEWEST_SETTLED, (*self._place, self._aggregate_type, *self._types))
        return self._look_up("subject", [(subject,) for subject in subjects], choice)

    def first_from(self, versions: Mapping[str, int]) -> dict[str, Envelope]:
        """Return the event with each aggregate's version, settled or not; where it was dropped, the next one."""
        return self._look_up(
            "subject, version", list(versions.items()), (FIRST_FROM, (self._aggregate_type, *self._types))
        )

    def known(self, subjects: Collection[str]) -> set[str]:
        """Return those of which the log has any event."""
        # PostgreSQL takes no text with a null character, so none is in the log.
        possible = [subject for subject in subjects if "\x00" not in subject]
        if not possible:
            return set()
        statement = KNOWN.format(rows=", ".join(["(%s)"] * len(possible)))
        return {entry.subject for entry in LogEntry.objects.raw(statement, [*possible, self._aggregate_type])}

    def parked(self, subjects: Collection[str]) -> dict[str, int]:
        """Return the version of the newest event that is an open dead letter, by subjects."""
        group, target = self._place
        letters = DeadLetter.objects.filter(group=group, target=target, state__in=DeadLetter.OPEN, subject__in=subjects)
        events = self._entries.filter(event_id__in=letters.values("event_id"))
        return dict(events.order_by("aggregate_version").values_list("subject", "aggregate_version"))

    def _look_up(
        self, keys: str, rows: Sequence[tuple[Any, ...]], choice: tuple[str, tuple[str, ...]]
    ) -> dict[str, Envelope]:
        if not rows:
            return {}
        statement, parameters = choice
        row = f"({', '.join(['%s'] * len(rows[0]))})"
        types = ", ".join(["%s"] * len(self._types))
        chosen = CHOSEN.format(keys=keys, rows=", ".join([row] * len(rows)), choice=statement.format(types=types))
        values = [value for row_values in rows for value in row_values]
        ids = [entry.id for entry in LogEntry.objects.raw(chosen, [*values, *parameters]) if entry.id]
        return self._read(ids)

    def _read(self, ids: Sequence[int]) -> dict[str, Envelope]:
        if not ids:
            return {}
        entries = ENTRIES.format(ids=", ".join(["%s"] * len(ids)))
        return {entry.subject: _envelope_of(entry) for entry in LogEntry.objects.raw(entries, [*self._place, *ids])}


def _envelope_of(entry: Any) -> Envelope:
    fields = {field: getattr(entry, column) for column, field in ENVELOPE_COLUMNS.items()}
    if entry.edited_data is not None:
        fields |= {"data": entry.edited_data, "schema_version": entry.edited_version}
    return Envelope(**fields)
