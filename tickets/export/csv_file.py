"""Write tickets as CSV in UTF-8, with the mark by which Excel knows the encoding."""

import csv
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO

from django.db.models import QuerySet

from tickets.export.rows import COLUMNS, Cell, batches_of, cells_of
from tickets.models import Ticket
from tickets.values.texts import as_cell

CONTENT_TYPE = "text/csv; charset=utf-8"


def chunks_of(tickets: QuerySet[Ticket]) -> Iterator[bytes]:
    yield BOM_UTF8 + _written([[*COLUMNS]])
    for batch in batches_of(tickets):
        yield _written([_text_of(cell) for cell in cells_of(ticket)] for ticket in batch)


def _written(rows: Iterable[list[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _text_of(cell: Cell) -> str:
    return as_cell(cell.isoformat() if isinstance(cell, datetime) else str(cell))
