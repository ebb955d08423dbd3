"""Write tickets as a workbook of Excel: times and prices are numbers, and every text is a text, never a formula."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any

from django.db.models import QuerySet

from tickets.export.rows import COLUMNS, Cell, batches_of, cells_of
from tickets.models import Ticket

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PART_BYTES = 65_536
FIRST_YEAR = 1900
"""Excel has no earlier days."""
WIDTHS = (11, 30, 24, 17, 16, 18, 24, 28, 11, 9, 11)


def chunks_of(tickets: QuerySet[Ticket]) -> Iterator[bytes]:
    """Yield the file, which is complete on the disk before its first part: its table of contents comes last."""
    with TemporaryFile() as file:
        _write(file, tickets)
        file.seek(0)
        while part := file.read(PART_BYTES):
            yield part


def _write(file: IO[bytes], tickets: QuerySet[Ticket]) -> None:
    from xlsxwriter import Workbook  # noqa: PLC0415 (no start of a web server waits for it)

    with Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("tickets")
        sheet.freeze_panes(1, 0)
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)
        bold, time = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for column, name in enumerate(COLUMNS):
            sheet.write_string(0, column, name, bold)
        rows = (cells_of(ticket) for batch in batches_of(tickets) for ticket in batch)
        for row, cells in enumerate(rows, start=1):
            for column, cell in enumerate(cells):
                _write_cell(sheet, (row, column), cell, time)


def _write_cell(sheet: Any, place: tuple[int, int], cell: Cell, time: Any) -> None:
    if isinstance(cell, datetime) and cell.year >= FIRST_YEAR:
        sheet.write_datetime(*place, cell.replace(tzinfo=None), time)
    elif isinstance(cell, Decimal):
        sheet.write_number(*place, cell)
    else:
        sheet.write_string(*place, str(cell))
