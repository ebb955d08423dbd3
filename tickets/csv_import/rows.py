"""Read tickets from a CSV file, and check each row by itself, without the database."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tickets.csv_import.source import DIRECTIVE, NoTicketFile, Source, name_of
from tickets.csv_import.spreadsheets import price_in, time_in
from tickets.models import Status, Ticket
from tickets.values.money import DECIMALS
from tickets.values.texts import from_cell

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
OPTIONAL_COLUMNS = ("time_zone",)
MOST_NAMED, LONGEST_NAME = 10, 50
"""How many columns a complaint names, and how much of each name."""
LONGEST_PART = 200
"""How much of the beginning, and of the end, of a problem is said."""
TICKET_STATUSES = frozenset(Status.values)


@dataclass(frozen=True)
class Place:
    """Where a row begins: `row` counts as a spreadsheet does, `line` as an editor does."""

    row: int
    line: int

    def __str__(self) -> str:
        text = _("line %(line)s") if self.row == self.line else _("line %(line)s (row %(row)s)")
        return text % {"line": self.line, "row": self.row}


@dataclass(frozen=True)
class Row:
    """A valid row: its ticket as a draft, and the ticket's status after the import."""

    place: Place
    draft: Ticket
    status: str
    columns: Sequence[str]

    @property
    def values(self) -> dict[str, Any]:
        return {name: getattr(self.draft, name) for name in self.columns} | {"status": self.status}


@dataclass(frozen=True)
class BadRow:
    """An invalid row and its problems, each of which begins with the column's name."""

    place: Place
    problems: list[str]

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.problems)}"


def read_rows(source: Source, *, after: int = 0) -> Iterator[Row | BadRow]:
    """Yield the file's rows after the given one as they are read; raise NoTicketFile if the first line is no header.

    A file whose quotes do not match ends with a bad row, since the rows after it can't be told apart.
    """
    text = source.text()
    records = _records(text, source.delimiter)
    columns = _columns_in(records, source)
    for record in records:
        if record.place.row <= after:
            continue
        yield record if isinstance(record, BadRow) else _row(record, columns, source)
    text.detach()


def count_rows(source: Source) -> int:
    """Count the rows without looking at their values; raise NoTicketFile if there is no header."""
    text = source.text()
    records = _records(text, source.delimiter)
    _columns_in(records, source)
    count = sum(1 for _ in records)
    text.detach()
    return count


@dataclass(frozen=True)
class _Record:
    place: Place
    values: list[str]


def _records(lines: Iterable[str], delimiter: str) -> Iterator[_Record | BadRow]:
    """Yield the rows that are not empty; the first line may only name the delimiter."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    place = Place(1, 1)
    try:
        for values in reader:
            if any(value.strip() for value in values) and not (place.row == 1 and DIRECTIVE.fullmatch("".join(values))):
                yield _Record(place, values)
            place = Place(place.row + 1, reader.line_num + 1)  # A quoted value may span several lines.
    except (csv.Error, UnicodeError) as error:
        invalid = _("This is not valid CSV (%(error)s), and the rest was not read; check that the quotes match.")
        yield BadRow(place, [invalid % {"error": error}])


def _columns_in(records: Iterator[_Record | BadRow], source: Source) -> list[str]:
    header = next(records, None)
    if header is None:
        empty = _("The file is empty. Its first line must name the columns: %(columns)s")
        raise NoTicketFile(empty % {"columns": ",".join(TICKET_COLUMNS)})
    return _columns(header, source)


def _columns(header: _Record | BadRow, source: Source) -> list[str]:
    if isinstance(header, BadRow):
        raise NoTicketFile(str(header))
    names = [name_of(name) for name in _without_empty_ends(header.values)]
    if complaints := list(_complaints_about(names)):
        raise NoTicketFile(f"{header.place}: {' '.join(complaints)} {_expected(source)}")
    return names


def _complaints_about(names: list[str]) -> Iterator[str]:
    counts = Counter(names)
    missing = [name for name in TICKET_COLUMNS if name not in counts]
    unknown = [name for name in counts if name not in TICKET_COLUMNS + OPTIONAL_COLUMNS]
    repeated = [name for name in counts if counts[name] > 1]
    yield from _about_each(_("%(name)r is missing."), missing)
    yield from _about_each(_("%(name)r is unknown."), unknown)
    yield from _about_each(_("%(name)r is named more than once."), repeated)


def _about_each(complaint: str, names: list[str]) -> Iterator[str]:
    """Name the first columns only: a first line may have any number, of any length."""
    yield from (complaint % {"name": name[:LONGEST_NAME]} for name in names[:MOST_NAMED])
    if hidden := len(names[MOST_NAMED:]):
        yield _("... and %(hidden_count)s more") % {"hidden_count": f"{hidden:,}"}


def _expected(source: Source) -> str:
    text = _(
        "The columns are %(columns)s, and %(optional)s if you like. The file was read as %(encoding)s with the "
        "delimiter %(delimiter)r; name others if these are wrong."
    )
    return text % {
        "columns": ",".join(TICKET_COLUMNS),
        "optional": OPTIONAL_COLUMNS[0],
        "encoding": source.encoding,
        "delimiter": source.delimiter,
    }


def _without_empty_ends(values: list[str]) -> list[str]:
    """Drop the empty cells that spreadsheet programs save right of a table."""
    width = max((number for number, value in enumerate(values, start=1) if value.strip()), default=0)
    return values[:width]


def _row(record: _Record, columns: list[str], source: Source) -> Row | BadRow:
    cells = record.values
    if len(cells) > len(columns):
        cells = [*cells[: len(columns)], *_without_empty_ends(cells[len(columns) :])]
    if len(cells) != len(columns):
        found = _("The row has %(values)s values for %(columns)s columns; check its quotes and delimiters.")
        return BadRow(record.place, [found % {"values": len(cells), "columns": len(columns)}])
    values: Any = {name: from_cell(value.strip()) for name, value in zip(columns, cells, strict=True)}
    values["time_zone"] = values.get("time_zone") or source.time_zone
    status = values.pop("status")
    problems = [*_convert(values, source), *_complaints_about_status(status)]
    try:
        draft = Ticket.draft(**values)
    except ValidationError as error:
        named = {problem.partition(":")[0] for problem in problems}
        refused = {column: messages for column, messages in error.message_dict.items() if column not in named}
        problems = [f"{column}: {' '.join(messages)}" for column, messages in refused.items()] + problems
    if problems:
        return BadRow(record.place, [_without_middle(problem) for problem in problems])
    return Row(record.place, draft, status, columns)


def _without_middle(problem: str) -> str:
    """Return a problem that repeats a cell, which may be long, without the middle of the cell."""
    return problem if len(problem) <= 2 * LONGEST_PART else f"{problem[:LONGEST_PART]} ... {problem[-LONGEST_PART:]}"


def _complaints_about_status(status: str) -> Iterator[str]:
    if status not in TICKET_STATUSES:
        wrong = _("%(status)r is not one of %(known)s.") % {"status": status, "known": ", ".join(Status.values)}
        yield f"status: {wrong}"


def _convert(values: dict[str, str], source: Source) -> Iterator[str]:
    """Replace times and prices in a spreadsheet's form; yield what is wrong with them."""
    decimals = DECIMALS.get(values["currency"], 2)
    conversions: dict[str, Callable[[str], str]] = {
        "starts_at": time_in,
        "price": lambda text: price_in(text, delimiter=source.delimiter, decimals=decimals),
    }
    for name, convert in conversions.items():
        try:
            values[name] = convert(values[name])
        except ValueError as error:
            yield f"{name}: {error}"
