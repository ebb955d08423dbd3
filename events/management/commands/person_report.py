"""Print all that is stored about a person."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from events.checks import TAG
from events.exceptions import EventError, PartitionsMissing
from events.management.command import BaseCommand
from events.operations.forgetting.find import person_meant
from events.operations.forgetting.report import Report, report
from events.processes.migrations import expect_migrated
from events.stream.interface import open_stream

OWNER_ONLY = 0o600


class Command(BaseCommand):
    help = (
        "Print all that is stored about a person: rows of tables, events, dead letters, entries of the stream and "
        "documents of all kept indices."
    )
    exit_codes = {1: "a place could not be searched, or it failed"}
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "person",
            metavar="PERSON",
            help="an e-mail address, or the id or code of a ticket, whose holder is meant; - reads it from the "
            "standard input",
        )
        parser.add_argument("--json", action="store_true", help="print a JSON object")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="write a new file, which only its owner may read"
        )

    def handle(self, *, person: str, json: bool, output: Path | None, **_: Any) -> None:
        try:
            expect_migrated()
            with closing(open_stream()) as stream:
                meant = person_meant(sys.stdin.readline().strip() if person == "-" else person)
                found = report(meant, stream)
        except (EventError, ImproperlyConfigured, PartitionsMissing) as error:
            raise CommandError(str(error)) from error
        text = _as_json(found) if json else "\n".join(_lines(found))
        if output:
            _write(output, text)
            self.stdout.write(f"{found.count:,} entries are written to {output}")
        else:
            self.stdout.write(text)
        if found.not_searched:
            problems = "; ".join(f"{place}: {problem}" for place, problem in found.not_searched.items())
            raise CommandError(f"not searched: {problems}")


def _as_json(found: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(found, enc_hook=str), indent=2).decode()


def _lines(found: Report) -> Iterator[str]:
    yield f"Stored about {found.person}, as of {found.as_of}: {found.count:,} entries"
    for heading, entries in [*found.places.items(), *found.belongings.items()]:
        yield f"\n{heading}: {len(entries):,}"
        for entry in entries:
            yield from _entry(entry)


def _entry(entry: Mapping[str, Any]) -> Iterator[str]:
    for number, (name, value) in enumerate(entry.items()):
        shown = msgspec.json.encode(value, enc_hook=str).decode() if isinstance(value, dict | list) else value
        yield f"  {'-' if number == 0 else ' '} {name}: {shown}"


def _write(path: Path, text: str) -> None:
    """Write a new file; others may not read it from its first moment on."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    with open(file, "w", encoding="utf-8") as output:
        output.write(text + "\n")
