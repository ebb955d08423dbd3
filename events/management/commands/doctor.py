"""Diagnose the database, the stream and the consumer groups."""

import sys
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

import msgspec
from django.core.management.base import BaseCommand

from events.checks import TAG
from events.operations.doctor import examine
from events.operations.doctor.finding import Finding
from events.stream.interface import open_stream


class Command(BaseCommand):
    help = (
        "Check the database, the stream and the consumer groups, and print each finding on a line, a fault with its "
        "remedy. It changes nothing. The exit code is 1 if there is a fault."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json",
            action="store_true",
            help="print a JSON list of findings; `remedy` is empty unless there is a fault",
        )

    def handle(self, *, json: bool, **_: Any) -> None:
        with closing(open_stream()) as stream:
            findings = list(examine(stream))
        if json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode([item._asdict() for item in findings])).decode())
        else:
            for item in findings:
                self.stdout.write(self._line(item))
        if any(item.is_fault for item in findings):
            sys.exit(1)

    def _line(self, item: Finding) -> str:
        if item.is_fault:
            return self.style.ERROR(f"FAULT  {item.about}: {item.found}. {item.remedy[0].upper()}{item.remedy[1:]}.")
        return f"ok     {item.about}: {item.found}"
