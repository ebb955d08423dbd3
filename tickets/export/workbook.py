"""Write tickets as a workbook of Excel: times and prices are numbers, and every text is a text, never a formula.

XlsxWriter makes the workbook with its styles and the header; the rows are written into its sheet as they are read.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO, RawIOBase
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from django.db.models import QuerySet

from tickets.export.rows import COLUMNS, Cell, batches_of, cells_of
from tickets.models import Ticket

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET = "xl/worksheets/sheet1.xml"
END_OF_ROWS = b"</sheetData>"
SIZE = re.compile(rb"<dimension [^>]*/>")
"""How many cells the sheet has: it would be wrong, and is optional."""
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""One of these, in one ticket, and Excel calls the whole workbook corrupt."""
LIKE_AN_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""Excel takes _x0041_ for A."""
DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 (Excel has no time zones)
FIRST_DAY = datetime(1900, 3, 1)  # noqa: DTZ001
"""Excel counts earlier days by a calendar of its own, and has none before 1900."""
WIDTHS = (11, 30, 24, 17, 16, 18, 24, 28, 11, 9, 11)
STYLE_OF_TIMES = re.compile(rb'<col [^>]*style="([0-9]+)"')
"""The one column that has a style has times."""


def chunks_of(tickets: QuerySet[Ticket]) -> Iterator[bytes]:
    """Yield the file, a part for each batch of tickets."""
    written = _Written()
    with ZipFile(BytesIO(_with_the_header_alone())) as empty, ZipFile(written, "w", ZIP_DEFLATED) as book:
        for name in empty.namelist():
            if name != SHEET:
                book.writestr(name, empty.read(name))
        before, after = SIZE.sub(b"", empty.read(SHEET)).split(END_OF_ROWS)
        style = STYLE_OF_TIMES.findall(before)[0].decode()
        with book.open(SHEET, "w") as sheet:
            sheet.write(before)
            for batch in batches_of(tickets):
                sheet.write("".join(_row(ticket, style) for ticket in batch).encode())
                yield written.take()
            sheet.write(END_OF_ROWS + after)
    yield written.take()


class _Written(RawIOBase):
    """Keeps what was written until it is taken. It can't be wound back, so that a part is final at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _with_the_header_alone() -> bytes:
    from xlsxwriter import Workbook  # noqa: PLC0415 (no start of a web server waits for it)

    file = BytesIO()
    with Workbook(file) as book:
        sheet = book.add_worksheet("tickets")
        sheet.freeze_panes(1, 0)
        bold, time = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for column, (name, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True)):
            sheet.set_column(column, column, width, time if name == "starts_at" else None)
            sheet.write_string(0, column, name, bold)
    return file.getvalue()


def _row(ticket: Ticket, style_of_times: str) -> str:
    return f"<row>{''.join(_cell(cell, style_of_times) for cell in cells_of(ticket))}</row>"


def _cell(cell: Cell, style_of_times: str) -> str:
    if isinstance(cell, datetime) and (local := cell.replace(tzinfo=None)) >= FIRST_DAY:
        return f'<c s="{style_of_times}"><v>{(local - DAY_0) / timedelta(days=1)!r}</v></c>'
    if isinstance(cell, Decimal):
        return f"<c><v>{cell}</v></c>"
    text = LIKE_AN_ESCAPE.sub("_x005F_", escape(NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", str(cell))))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
