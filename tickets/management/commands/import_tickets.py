"""Issue the tickets of a CSV file."""

import errno
import os
import shutil
import stat
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError
from rich.progress import Progress

from events.management.command import BaseCommand
from events.management.console import Console
from tickets.csv_import.importing import Import, ImportReport
from tickets.csv_import.rows import OPTIONAL_COLUMNS, TICKET_COLUMNS, BadRow
from tickets.csv_import.source import DELIMITERS, NoTicketFile, examine

OUTCOMES = {
    "stop": "nothing was written; correct the file and import it again",
    "skip": "the other rows were written; import the corrected rows by themselves",
}


class Command(BaseCommand):
    help = (
        f"Issue the tickets of a CSV file with the columns {','.join(TICKET_COLUMNS)}, and {OPTIONAL_COLUMNS[0]} if "
        "times have no UTC offset. Encoding and delimiter are found out. A row without a code gets a new code, once "
        "for each file; a row whose code exists is compared with that ticket and changes nothing."
    )
    exit_codes = {1: "rows are bad, or it failed"}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the CSV file, or - for the standard input")
        parser.add_argument(
            "--on-error",
            choices=list(OUTCOMES),
            default="stop",
            help="what to do if a row is bad: stop writes nothing, skip writes all other rows (default: stop)",
        )

        parser.add_argument("--encoding", default="", help="such as utf-8, cp1252 or utf-16 (default: found out)")
        parser.add_argument(
            "--delimiter",
            type=_delimiter,
            help=f"{', '.join(DELIMITERS)} or a character (default: found out)",
        )
        parser.add_argument(
            "--time-zone",
            default="",
            help="of times without an offset in rows without a time zone, such as Europe/Berlin",
        )
        parser.add_argument("--json", action="store_true", help="print the report as a JSON object")

    def handle(self, *, file: str, on_error: str, json: bool, **options: Any) -> None:
        console = Console(soft_wrap=True, highlight=False, markup=False)
        bad_rows: list[BadRow] = []
        run = Import(bad_rows.append if json else lambda bad: console.print(str(bad)))
        write = run.all_or_nothing if on_error == "stop" else run.skipping_bad_rows
        try:
            with _opened(file) as rows:
                named = {name: options[name] or "" for name in ("encoding", "delimiter", "time_zone")}
                source = examine(rows, columns=TICKET_COLUMNS, **named)
                with _progress(console, rows) as watched:
                    write(source._replace(file=watched))
        except NoTicketFile as error:
            raise CommandError(f"{file}: {error}") from error
        except (IntegrityError, ValidationError) as error:  # All rows were checked before.
            why = " ".join(error.messages) if isinstance(error, ValidationError) else error
            raise CommandError(
                f"Somebody else issued a ticket of this file at the same time; run the import again. ({why})"
            ) from error
        if source.note:
            console.print(source.note)
        if json:
            self.print_json(_members(run.report, bad_rows))
        else:
            self.stdout.write(str(run.report))
        if run.report.bad:
            raise CommandError(f"Bad rows: {run.report.bad}; {OUTCOMES[on_error]}.")


def _members(report: ImportReport, bad_rows: Sequence[BadRow]) -> Mapping[str, object]:
    rows = [{"row": bad.place.row, "line": bad.place.line, "problems": bad.problems} for bad in bad_rows]
    return asdict(report) | {"bad_rows": rows}


def _delimiter(text: str) -> str:
    delimiter = DELIMITERS.get(text, text)
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ArgumentTypeError(f"{text!r} is not one of {', '.join(DELIMITERS)}, or a character")
    return delimiter


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """Open the file, or a copy of what can be read only once, such as a pipe."""
    with ExitStack() as stack:
        try:
            opened = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                opened = _copied(opened, stack.enter_context(TemporaryFile()))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        yield opened


def _copied(source: IO[bytes], copy: IO[bytes]) -> IO[bytes]:
    if not source.isatty() and stat.S_ISCHR(os.fstat(source.fileno()).st_mode):
        raise OSError(errno.EINVAL, "This is a device, of which some never end; name a file")
    try:
        shutil.copyfileobj(source, copy)
        copy.flush()
    except OSError:
        with suppress(OSError):
            copy.close()  # Here: it fails once more if the disk is full.
        raise
    return copy


@contextmanager
def _progress(console: Console, rows: IO[bytes]) -> Iterator[IO[bytes]]:
    """Show on a terminal how much of the file has been read."""
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress.wrap_file(rows, total=os.fstat(rows.fileno()).st_size, description="Importing")  # type: ignore[arg-type]
