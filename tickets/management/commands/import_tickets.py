"""manage.py import_tickets: issue the tickets of a CSV file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from rich.console import Console
from rich.progress import Progress

from tickets.csv_import.importing import Import
from tickets.csv_import.rows import TICKET_COLUMNS, BadRow, NoTicketFile


class Command(BaseCommand):
    help = (
        f"Issue the tickets of a CSV file in UTF-8 with the columns {','.join(TICKET_COLUMNS)}. A row without a code "
        "gets a new code at each import. A row whose code exists is compared with that ticket and changes nothing. "
        "Write each time with its UTC offset."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the CSV file; - is the standard input")
        parser.add_argument(
            "--on-error",
            choices=["stop", "skip"],
            default="stop",
            help="what a bad row does: stop writes nothing of the file, skip leaves out that row (default: stop)",
        )

    def handle(self, *, file: str, on_error: str, **_: Any) -> None:
        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

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
                f"Someone else issued a ticket of this file meanwhile; run it again. ({error})"
            ) from error
        self.stdout.write(str(run.report))
        if run.report.bad:
            outcome = "nothing was written" if on_error == "stop" else "the others were written"
            raise CommandError(f"Bad rows: {run.report.bad}; {outcome}.")


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 (closed below; what is read from it has errors of its own)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    with opened:
        yield opened


@contextmanager
def _progress(console: Console, rows: IO[bytes]) -> Iterator[IO[bytes]]:
    """Show on a terminal how much of the file was read."""
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress.wrap_file(rows, total=os.fstat(rows.fileno()).st_size, description="Importing")  # type: ignore[arg-type]
