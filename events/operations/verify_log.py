"""Compare the tables of the declared aggregates with the log, and correct the log where they differ.

A difference counts only if it is still there under the row's lock, since a transaction may be in flight. The table is
the truth; the correction is an ordinary event, so all readers of the log follow.
"""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from django.db.models import Model, OuterRef, QuerySet, Subquery

from events import record, unit_of_work
from events.aggregates import Aggregate, key_of, locked_rows, rows_in_database
from events.event import decode
from events.exceptions import Unprocessable
from events.models import LogEntry

ROWS_AT_ONCE = 500

type _Values = tuple[str, str]
"""A value in the log, and its counterpart in the table."""


class Kind(StrEnum):
    """How a row and the newest event of its aggregate differ."""

    NO_EVENT = "the log has no event"
    NO_ROW = "the table has no row"
    OLDER = "the table has an older version"
    NEWER = "the table has a newer version"
    STATE = "the state is another"
    UNREADABLE = "the newest event can't be read"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate whose row differs from the log; `fields` are the fields with different values."""

    aggregate_type: str
    subject: str
    kind: Kind
    log_version: int | None
    table_version: int | None
    fields: dict[str, _Values] = {}
    repaired: bool = False


class Step(NamedTuple):
    """The number of aggregates that were compared, and the differences."""

    compared: int
    differences: list[Difference]


class _NewestEvent(NamedTuple):
    """The newest event of an aggregate in the log."""

    subject: str
    version: int
    type: str
    schema_version: int
    data: str


class Verification:
    """The comparison of one aggregate type, in steps of bounded size."""

    def __init__(self, aggregate_type: str, aggregate: Aggregate[Model], *, repair: bool) -> None:
        self.aggregate_type = aggregate_type
        self.aggregate = aggregate
        self.repair = repair

    def _rows(self) -> QuerySet[Model]:
        return rows_in_database(self.aggregate)

    def count_rows(self) -> int:
        return self._rows().count()

    def compare_rows(self) -> Iterator[Step]:
        """Compare each row with its newest event; raise UnknownEventVersion for an event of a newer release."""
        page = self._rows().order_by("pk")
        rows = list(page[:ROWS_AT_ONCE])
        while rows:
            differing = [row.pk for row, difference in self._compare(rows) if difference]
            yield Step(len(rows), self._look_again(differing) if differing else [])
            rows = list(page.filter(pk__gt=rows[-1].pk)[:ROWS_AT_ONCE])

    def find_events_without_row(self) -> Iterator[Step]:
        """Find the aggregates that have events but no row, which can't be repaired."""
        all_subjects = LogEntry.objects.filter(aggregate_type=self.aggregate_type).order_by("subject")
        page = all_subjects.values_list("subject", flat=True).distinct()
        subjects = list(page[:ROWS_AT_ONCE])
        while subjects:
            # A row is committed together with its first event, so a row that is missing here is not in flight.
            missing = sorted(set(subjects) - self._existing(subjects))
            yield Step(len(subjects), [self._without_row(newest) for newest in self._newest(missing).values()])
            subjects = list(page.filter(subject__gt=subjects[-1])[:ROWS_AT_ONCE])

    def _look_again(self, keys: Sequence[object]) -> list[Difference]:
        with unit_of_work():
            rows = locked_rows(self.aggregate, keys)
            differing = [(row, difference) for row, difference in self._compare(rows) if difference]
            if self.repair:
                self._correct(differing)
        return [msgspec.structs.replace(difference, repaired=self.repair) for _, difference in differing]

    def _correct(self, differing: Sequence[tuple[Model, Difference]]) -> None:
        for row, difference in differing:
            newest = max(difference.table_version or 0, difference.log_version or 0)
            setattr(row, self.aggregate.version_field, newest + 1)
        rows = [row for row, _ in differing]
        self._rows().bulk_update(rows, [self.aggregate.version_field])
        record(*(self.aggregate.correction(row) for row in rows))

    def _compare(self, rows: Sequence[Model]) -> Iterator[tuple[Model, Difference | None]]:
        newest = self._newest([str(row.pk) for row in rows])
        for row in rows:
            yield row, self._difference(row, newest.get(str(row.pk)))

    def _difference(self, row: Model, newest: _NewestEvent | None) -> Difference | None:
        version: int = getattr(row, self.aggregate.version_field)
        kind, fields = self._outcome(row, version, newest)
        if kind is None:
            return None
        return Difference(
            aggregate_type=self.aggregate_type,
            subject=str(row.pk),
            kind=kind,
            log_version=newest.version if newest else None,
            table_version=version,
            fields=fields,
        )

    def _outcome(self, row: Model, version: int, newest: _NewestEvent | None) -> tuple[Kind | None, dict[str, _Values]]:
        if newest is None:
            return Kind.NO_EVENT, {}
        if newest.version != version:
            return Kind.OLDER if version < newest.version else Kind.NEWER, {}
        try:
            told = self.aggregate.state_in(decode(newest.type, newest.schema_version, newest.data))
        except Unprocessable:
            return Kind.UNREADABLE, {}
        fields = {
            name: (str(told.get(name)), str(value))
            for name, value in self.aggregate.state_of(row).items()
            if told.get(name) != value
        }
        return Kind.STATE if fields else None, fields

    def _newest(self, subjects: Collection[str]) -> dict[str, _NewestEvent]:
        of_same = LogEntry.objects.filter(aggregate_type=self.aggregate_type, subject=OuterRef("subject"))
        highest = of_same.order_by("-aggregate_version").values("aggregate_version")[:1]
        rows = LogEntry.objects.filter(
            aggregate_type=self.aggregate_type, subject__in=subjects, aggregate_version=Subquery(highest)
        ).values_list("subject", "aggregate_version", "type", "schema_version", "data")
        return {row[0]: _NewestEvent(*row) for row in rows}

    def _existing(self, subjects: Collection[str]) -> set[str]:
        keys = [key for subject in subjects if (key := key_of(self.aggregate, subject)) is not None]
        return {str(key) for key in self._rows().filter(pk__in=keys).values_list("pk", flat=True)}

    def _without_row(self, newest: _NewestEvent) -> Difference:
        return Difference(
            aggregate_type=self.aggregate_type,
            subject=newest.subject,
            kind=Kind.NO_ROW,
            log_version=newest.version,
            table_version=None,
        )
