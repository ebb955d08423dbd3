"""Import the rows of a CSV file as tickets, with the same events as any other change.

In:   rows, from tickets/csv_import/rows.py.
Out:  tickets, issued and then cancelled or checked in as their status says.
Next: tickets/models/ticket.py
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from events import database, unit_of_work
from tickets.csv_import.rows import OPTIONAL_COLUMNS, TICKET_COLUMNS, BadRow, Place, Row, read_rows
from tickets.csv_import.source import Source
from tickets.models import ImportedFile, Status, Ticket
from tickets.values.codes import key_of

ROWS_PER_CHUNK = 1_000
ALL_COLUMNS = TICKET_COLUMNS + OPTIONAL_COLUMNS
NOWHERE = Place(0, 0)


@dataclass
class ImportReport:
    """Count the rows by outcome; a canceled or checked in ticket also counts as issued."""

    issued: int = 0
    canceled: int = 0
    checked_in: int = 0
    known: int = 0
    bad: int = 0
    imported_before: datetime | None = None
    """When the same file was imported first."""

    def __str__(self) -> str:
        counted = (
            f"{self.issued} issued, {self.canceled} of them canceled, {self.checked_in} checked in; "
            f"{self.known} already known; {self.bad} bad"
        )
        if not self.imported_before:
            return counted
        at = self.imported_before
        return f"{counted}. This file was imported before, on {at:%Y-%m-%d at %H:%M} UTC; nothing is issued twice"


class Import:
    """One import of a file, in chunks, so that a long file needs no more memory."""

    def __init__(self, tell: Callable[[BadRow], None]) -> None:
        self.report = ImportReport()
        self.tell = tell
        self.first_begun: int | None = None
        """How many rows of the file earlier imports have written; those without a code are not issued again."""
        self._codes: dict[str, int] = {}
        """The codes of the rows that were checked, with a hash of the other values."""

    def all_or_nothing(self, source: Source) -> ImportReport:
        """Write the whole file in one transaction, or nothing if a row is bad; raise NoTicketFile."""
        with unit_of_work():
            imported = self._begin(source)
            for chunk in batched(read_rows(source), ROWS_PER_CHUNK, strict=False):
                self._write(chunk, imported)
            if self.report.bad:
                transaction.set_rollback(True, using=database.alias())
        if self.report.bad:
            self.report = ImportReport(bad=self.report.bad)
        return self.report

    def skipping_bad_rows(self, source: Source) -> ImportReport:
        """Write the good rows, one transaction per chunk; raise NoTicketFile."""
        for chunk in batched(read_rows(source), ROWS_PER_CHUNK, strict=False):
            with unit_of_work():
                self.write(chunk, source)
        return self.report

    def write(self, chunk: Sequence[Row | BadRow], source: Source) -> None:
        """Write the good ones of these rows, in the caller's unit of work."""
        self._write(chunk, self._begin(source))

    def check(self, chunk: Sequence[Row | BadRow], digest: str) -> None:
        """Count what writing these rows would do, and tell the bad ones; the codes of the rows before are known."""
        if self.first_begun is None:
            self._look_up(digest)
        checked = [self._repeated(row) if isinstance(row, Row) else row for row in self._compare_with_stored(chunk)]
        good = [row for row in checked if isinstance(row, Row)]
        self._note(checked)
        self.report.issued += len(good)
        self.report.canceled += sum(row.status == Status.CANCELED for row in good)
        self.report.checked_in += sum(row.status == Status.CHECKED_IN for row in good)

    def _look_up(self, digest: str) -> None:
        imported = ImportedFile.objects.filter(digest=digest).first()
        self.first_begun = imported.rows if imported else 0
        self.report.imported_before = imported.at if imported else None

    def _repeated(self, row: Row) -> Row | BadRow | None:
        """Return None for a row that an earlier chunk has too, and a bad row if that one has other values."""
        key, values = key_of(row.draft.code), hash(tuple(map(str, row.values.values())))
        if not key or key not in self._codes:
            self._codes[key] = values
            return row
        repeated = _("An earlier row of the file has this code, with other values.")
        return None if self._codes[key] == values else BadRow(row.place, [f"code: {repeated}"])

    def _begin(self, source: Source) -> ImportedFile:
        """Lock and return what is known of the file; another import of it waits until this transaction ends."""
        imported, is_new = ImportedFile.objects.select_for_update().get_or_create(digest=source.digest)
        if self.first_begun is None:
            self.first_begun = imported.rows
            self.report.imported_before = None if is_new else imported.at
        return imported

    def _write(self, chunk: Sequence[Row | BadRow], imported: ImportedFile) -> None:
        checked = self._compare_with_stored(chunk)
        self._note(checked)
        self._issue([row for row in checked if isinstance(row, Row)])
        imported.rows = max(imported.rows, chunk[-1].place.row)
        imported.save(update_fields=["rows"])

    def _note(self, checked: Sequence[Row | BadRow | None]) -> None:
        for bad in (row for row in checked if isinstance(row, BadRow)):
            self.report.bad += 1
            self.tell(bad)
        self.report.known += sum(row is None for row in checked)

    def _issue(self, rows: Sequence[Row]) -> None:
        Ticket.issue_drafts([row.draft for row in rows])
        canceled = [row.draft for row in rows if row.status == Status.CANCELED]
        Ticket.cancel_many(canceled)
        checked_in = [row.draft for row in rows if row.status == Status.CHECKED_IN]
        Ticket.check_in_many(checked_in)
        self.report.issued += len(rows)
        self.report.canceled += len(canceled)
        self.report.checked_in += len(checked_in)

    def _compare_with_stored(self, rows: Sequence[Row | BadRow]) -> list[Row | BadRow | None]:
        """Return None for a row whose ticket exists already, and a bad row if that ticket has other values."""
        keys = {key_of(row.draft.code) for row in rows if isinstance(row, Row)} - {""}
        stored = Ticket.objects.filter(code_key__in=keys)
        known = {ticket.code_key: Row(NOWHERE, ticket, ticket.status, ALL_COLUMNS) for ticket in stored}
        return [self._compare(row, known) if isinstance(row, Row) else row for row in rows]

    def _compare(self, row: Row, known: dict[str, Row]) -> Row | BadRow | None:
        key = key_of(row.draft.code)
        if not key:
            return None if row.place.row <= (self.first_begun or 0) else row
        there = known.setdefault(key, row)
        if there is row:
            return row
        return _difference(row, there.values)


def _difference(row: Row, stored: dict[str, Any]) -> BadRow | None:
    given = row.values
    different = [name for name in given if name != "code" and stored[name] != given[name]]
    there = _("ticket %(code)s already exists, with %(value)r.")
    problems = [f"{name}: {there % {'code': stored['code'], 'value': str(stored[name])}}" for name in different]
    return BadRow(row.place, problems) if problems else None
