"""Import the rows of a CSV file as tickets, with the same events as any other change.

In:   rows, from tickets/csv_import/rows.py.
Out:  tickets, issued and then cancelled or checked in as their status says.
Next: tickets/models.py
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import IO

from django.db import transaction

from events import database, unit_of_work
from tickets.codes import key_of
from tickets.csv_import.rows import TICKET_COLUMNS, BadRow, Row, read_rows
from tickets.models import Status, Ticket

ROWS_PER_CHUNK = 1_000


@dataclass
class ImportReport:
    """Count the rows by outcome; a canceled or checked in ticket also counts as issued."""

    issued: int = 0
    canceled: int = 0
    checked_in: int = 0
    known: int = 0
    bad: int = 0

    def __str__(self) -> str:
        return (
            f"{self.issued} issued, {self.canceled} of them canceled, {self.checked_in} checked in; "
            f"{self.known} already known; {self.bad} bad"
        )


class Import:
    """One import of a file, in chunks, so that a long file needs no more memory."""

    def __init__(self, tell: Callable[[BadRow], None]) -> None:
        self.report = ImportReport()
        self.tell = tell

    def all_or_nothing(self, file: IO[bytes]) -> ImportReport:
        """Write the whole file in one transaction, or nothing if a row is bad; raise NoTicketFile."""
        with unit_of_work():
            for chunk in batched(read_rows(file), ROWS_PER_CHUNK, strict=False):
                self._write(chunk)
            if self.report.bad:
                transaction.set_rollback(True, using=database.alias())
                self.report = ImportReport(bad=self.report.bad)
        return self.report

    def skipping_bad_rows(self, file: IO[bytes]) -> ImportReport:
        """Write the good rows, one transaction per chunk; raise NoTicketFile."""
        for chunk in batched(read_rows(file), ROWS_PER_CHUNK, strict=False):
            with unit_of_work():
                self._write(chunk)
        return self.report

    def _write(self, chunk: Iterable[Row | BadRow]) -> None:
        checked = _compare_with_stored(chunk)
        for bad in (row for row in checked if isinstance(row, BadRow)):
            self.report.bad += 1
            self.tell(bad)
        self.report.known += sum(row is None for row in checked)
        self._issue([row for row in checked if isinstance(row, Row)])

    def _issue(self, rows: Sequence[Row]) -> None:
        Ticket.issue_drafts([row.draft for row in rows])
        canceled = [row.draft for row in rows if row.status == Status.CANCELED]
        Ticket.cancel_many(canceled)
        checked_in = [row.draft for row in rows if row.status == Status.CHECKED_IN]
        Ticket.check_in_many(checked_in)
        self.report.issued += len(rows)
        self.report.canceled += len(canceled)
        self.report.checked_in += len(checked_in)


def _compare_with_stored(chunk: Iterable[Row | BadRow]) -> list[Row | BadRow | None]:
    """Return None for a row whose ticket exists already, and a bad row if that ticket has other values."""
    rows = list(chunk)
    keys = {key_of(row.draft.code) for row in rows if isinstance(row, Row)} - {""}
    known = {ticket.code_key: Row(0, ticket, ticket.status) for ticket in Ticket.objects.filter(code_key__in=keys)}
    return [_compare(row, known) if isinstance(row, Row) else row for row in rows]


def _compare(row: Row, known: dict[str, Row]) -> Row | BadRow | None:
    key = key_of(row.draft.code)
    there = known.setdefault(key, row) if key else row
    if there is row:
        return row
    stored, given = there.values, row.values
    different = [name for name in TICKET_COLUMNS if name != "code" and stored[name] != given[name]]
    problems = [f"{name}: ticket {stored['code']} already exists, with {str(stored[name])!r}." for name in different]
    return BadRow(row.line, problems) if problems else None
