"""Print the AsyncAPI document of the events, or write it to the documentation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import CommandError

from config.asyncapi import document
from events.management.command import BaseCommand

PAGE = Path("docs/asyncapi.json")


class Command(BaseCommand):
    help = "Print an AsyncAPI 3 document of all events on the stream, on the feed and to webhooks, as JSON."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write it to {PAGE} instead")

    def handle(self, *, write: bool, **_: Any) -> None:
        text = msgspec.json.format(msgspec.json.encode(document(), order="deterministic")).decode() + "\n"
        if not write:
            self.stdout.write(text, ending="")
            return
        try:
            (settings.BASE_DIR / PAGE).write_text(text)
        except OSError as error:
            raise CommandError(f"{PAGE}: {error.strerror}") from error
