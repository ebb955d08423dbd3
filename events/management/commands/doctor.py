"""Diagnose the database, the stream and the consumer groups."""

import sys
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from events.checks import TAG
from events.management.command import BaseCommand
from events.operations.doctor import examine
from events.operations.doctor.finding import Finding
from events.stream.interface import open_stream

STREAM_TIMEOUT_SECONDS = 1.0
"""Less than the doctor's patience with a check, so that the error names the server; a cluster may have silent nodes."""


class Command(BaseCommand):
    help = (
        "Check the database, the stream and the consumer groups, and print each finding on a line, a fault with its "
        "remedy and its page in docs/operations/runbook. It changes nothing, and ends within 10 s if servers hang."
    )
    exit_codes = {1: "there is a fault"}
    requires_system_checks = [TAG]

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]  # noqa: ARG002
        """Leave out the checks that ask the database: it may hang, and the doctor's own checks report the same."""
        return {"tags": self.requires_system_checks, "databases": []}

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json",
            action="store_true",
            help="print a JSON list of findings; `remedy` and `page` are empty unless there is a fault",
        )

    def handle(self, *, json: bool, **_: Any) -> None:
        with closing(open_stream(timeout_seconds=STREAM_TIMEOUT_SECONDS)) as stream:
            findings = list(examine(stream))
        if json:
            self.print_json([_as_json(item) for item in findings])
        else:
            for item in findings:
                self.stdout.write(_line(item), self.style.ERROR if item.is_fault else None)
        if any(item.is_fault for item in findings):
            sys.exit(1)


def _as_json(item: Finding) -> dict[str, str]:
    page = item.page if item.is_fault else ""
    return {"about": item.about, "found": item.found, "remedy": item.remedy, "page": page}


def _line(item: Finding) -> str:
    if item.is_fault:
        found = " ".join(item.found.split())  # A server's error may have several lines, and end as a sentence.
        end = "" if found.endswith((".", "?", "!")) else "."
        remedy = f"{item.remedy[0].upper()}{item.remedy[1:]}"
        return f"FAULT  {item.about}: {found}{end} {remedy}. Runbook: {item.page}."
    return f"ok     {item.about}: {item.found}"
