"""Read tickets from a CSV file, and check each row by itself, without the database."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO, Any

from django.core.exceptions import ValidationError

from tickets.models import Status, Ticket

TICKET_COLUMNS = (
    "code",
    "title",
    "venue",
    "starts_at",
    "seat",
    "holder_name",
    "holder_email",
    "price",
    "currency",
    "status",
)
TICKET_STATUSES = frozenset(Status.values)


class NoTicketFile(Exception):
    """The file's first line does not name the columns of a ticket file."""


@dataclass(frozen=True)
class Row:
    """A valid row: the line where it begins, its ticket as a draft, and the ticket's status after the import."""

    line: int
    draft: Ticket
    status: str

    @property
    def values(self) -> dict[str, Any]:
        return {name: getattr(self.draft, name) for name in TICKET_COLUMNS} | {"status": self.status}


@dataclass(frozen=True)
class BadRow:
    """An invalid row and its problems, each of which begins with the column's name."""

    line: int
    problems: list[str]

    def __str__(self) -> str:
        return f"line {self.line}: {' '.join(self.problems)}"


def read_rows(file: IO[bytes]) -> Iterator[Row | BadRow]:
    """Yield the file's rows as they are read; raise NoTicketFile if its first line is not the header.

    A file whose quotes do not match ends with a bad row, since the rows after it can't be told apart.
    """
    # Bytes that are not UTF-8 become surrogates, which every field refuses: a bad row with its line and column.
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    records = _records(text)
    header = next(records, None)
    if header is None:
        raise NoTicketFile(f"The file is empty. Its first line must name the columns: {','.join(TICKET_COLUMNS)}")
    columns = _columns(header)
    for record in records:
        yield record if isinstance(record, BadRow) else _row(record, columns)
    text.detach()


@dataclass(frozen=True)
class _Record:
    line: int
    values: list[str]


def _records(lines: Iterable[str]) -> Iterator[_Record | BadRow]:
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for values in reader:
            if values:
                yield _Record(line, values)
            line = reader.line_num + 1  # A quoted value may span several lines.
    except csv.Error as error:
        yield BadRow(
            line, [f"This is not valid CSV ({error}), and the rest was not read; check that the quotes match."]
        )


def _columns(header: _Record | BadRow) -> list[str]:
    if isinstance(header, BadRow):
        raise NoTicketFile(str(header))
    names = [name.strip() for name in header.values]
    complaints = [
        *(f"{name!r} is missing." for name in TICKET_COLUMNS if name not in names),
        *(f"{name!r} is unknown." for name in names if name not in TICKET_COLUMNS),
        *(f"{name!r} is named more than once." for name in TICKET_COLUMNS if names.count(name) > 1),
    ]
    if complaints:
        expected = f"The columns are {','.join(TICKET_COLUMNS)}, separated by commas, in UTF-8."
        raise NoTicketFile(f"line {header.line}: {' '.join(complaints)} {expected}")
    return names


def _row(record: _Record, columns: list[str]) -> Row | BadRow:
    if len(record.values) != len(columns):
        return BadRow(record.line, [f"The row has {len(record.values)} values for {len(columns)} columns."])
    values: Any = {name: value.strip() for name, value in zip(columns, record.values, strict=True)}
    status = values.pop("status")
    problems = [] if status in TICKET_STATUSES else [f"status: {status!r} is not one of {', '.join(Status.values)}."]
    try:
        draft = Ticket.draft(**values)
    except ValidationError as error:
        problems = [f"{column}: {' '.join(messages)}" for column, messages in error.message_dict.items()] + problems
    return BadRow(record.line, problems) if problems else Row(record.line, draft, status)
