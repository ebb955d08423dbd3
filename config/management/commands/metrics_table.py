"""Print the metrics as a table, or write it to the documentation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from config.metrics.table import table, with_table
from events.management.command import BaseCommand

PAGE = Path("docs/reference/metrics.md")


class Command(BaseCommand):
    help = "Print all metrics with their types, labels and meanings, as Markdown."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write them to {PAGE} instead")

    def handle(self, *, write: bool, **_: Any) -> None:
        if not write:
            self.stdout.write(table(), ending="")
            return
        page: Path = settings.BASE_DIR / PAGE
        try:
            page.write_text(with_table(page.read_text()))
        except OSError as error:
            raise CommandError(f"{PAGE}: {error.strerror}") from error
