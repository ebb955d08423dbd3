"""Print the environment variables as tables, or write them to the documentation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from config.environment.table import tables, with_tables
from config.settings.variables import environment
from events.management.command import BaseCommand

PAGE = Path("docs/reference/settings.md")


class Command(BaseCommand):
    help = "Print all environment variables with their types, defaults and meanings, as Markdown."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--write", action="store_true", help=f"write them to {PAGE} instead")
        instead.add_argument("--json", action="store_true", help="print a JSON list of them instead")

    def handle(self, *, write: bool, json: bool, **_: Any) -> None:
        if json:
            self.print_json([variable._asdict() for variable in environment.variables.values()])
            return
        text = "\n".join(tables(environment.variables.values()))
        if not write:
            self.stdout.write(text, ending="")
            return
        page: Path = settings.BASE_DIR / PAGE
        try:
            page.write_text(with_tables(page.read_text(), text))
        except OSError as error:
            raise CommandError(f"{PAGE}: {error.strerror}") from error
