"""Issue the tickets of a CSV file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError
from rich.progress import Progress

from events.management.command import BaseCommand
from events.management.console import Console
from tickets.csv_import.importing import Import
from tickets.csv_import.rows import TICKET_COLUMNS, BadRow, NoTicketFile

OUTCOMES = {
    "stop": "nothing was written; correct the file and import it again",
    "skip": "the other rows were written; import the corrected rows by themselves",
}


class Command(BaseCommand):
    help = (
        f"Issue the tickets of a CSV file in UTF-8 with the columns {','.join(TICKET_COLUMNS)}. A row without a code "
        "gets a new code at each import. A row whose code exists is compared with that ticket and changes nothing. "
        "Write each time with its UTC offset."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the CSV file, or - for the standard input")
        parser.add_argument(
            "--on-error",
            choices=list(OUTCOMES),
            default="stop",
            help="what to do if a row is bad: stop writes nothing, skip writes all other rows (default: stop)",
        )

    def handle(self, *, file: str, on_error: str, **_: Any) -> None:
        console = Console(soft_wrap=True, highlight=False, markup=False)

        def tell(bad: BadRow) -> None:
            console.print(str(bad))

        run = Import(tell)
        write = run.all_or_nothing if on_error == "stop" else run.skipping_bad_rows
        try:
            with _opened(file) as rows, _progress(console, rows) as watched:
                write(watched)
        except NoTicketFile as error:
            raise CommandError(f"{file}: {error}") from error
        except IntegrityError as error:
            raise CommandError(
                f"Somebody else issued a ticket of this file at the same time; run the import again. ({error})"
            ) from error
        self.stdout.write(str(run.report))
        if run.report.bad:
            raise CommandError(f"Bad rows: {run.report.bad}; {OUTCOMES[on_error]}.")


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 (closed below; errors while reading it are not caught here)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    with opened:
        yield opened


@contextmanager
def _progress(console: Console, rows: IO[bytes]) -> Iterator[IO[bytes]]:
    """Show on a terminal how much of the file has been read."""
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress.wrap_file(rows, total=os.fstat(rows.fileno()).st_size, description="Importing")  # type: ignore[arg-type]
