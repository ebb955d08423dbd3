"""Compare the tables of the declared aggregates with the log."""

from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import CommandError
from rich.progress import Progress

from events.aggregates import load_aggregates
from events.checks import TAG
from events.exceptions import UnknownEventVersion
from events.management.command import BaseCommand
from events.management.console import Console
from events.operations.verify_log import Difference, Step, Verification
from events.recording.collector import Collector, collecting


class Command(BaseCommand):
    help = (
        "Compare each row of the aggregates in EVENTS_AGGREGATES with its newest event, to find changes that no event "
        "reports: by queryset.update, SQL, fixtures or a backup, and rows older than the events. Traffic may go on. "
        "Events without a row are reported, but can't be repaired."
    )
    exit_codes = {1: "differences remain, or it failed"}
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="record an event with the row's state for each row that differs; the row gets that event's version",
        )
        parser.add_argument("--json", action="store_true", help="print each difference as a JSON object, one per line")

    def handle(self, *, repair: bool, json: bool, **_: Any) -> None:
        aggregates = load_aggregates()
        if not aggregates:
            raise CommandError("EVENTS_AGGREGATES is empty: declare the aggregates that are to be compared")
        self.write = _as_json if json else _as_line
        self.compared = self.found = self.repaired = 0
        console = Console()
        with (
            Progress(console=console, disable=not console.is_terminal, transient=True) as progress,
            collecting(Collector(actor=lambda: "verify_log")) as collector,
        ):
            for name, aggregate in aggregates.items():
                self._verify(Verification(name, aggregate, repair=repair), collector, progress)
        if not json:
            self.stdout.write(
                f"{self.compared:,} rows compared, {self.found:,} differences, {self.repaired:,} repaired"
            )
        if self.found > self.repaired:
            raise CommandError(f"differences that remain: {self.found - self.repaired:,}")

    def _verify(self, verification: Verification, collector: Collector, progress: Progress) -> None:
        task = progress.add_task(f"rows of {verification.aggregate_type}", total=verification.count_rows())
        try:
            for step in verification.compare_rows():
                collector.flush()
                self.compared += step.compared
                self._tell(step)
                progress.advance(task, step.compared)
        except UnknownEventVersion as error:
            raise CommandError(str(error)) from error
        task = progress.add_task(f"events of {verification.aggregate_type}", total=None)
        for step in verification.find_events_without_row():
            self._tell(step)
            progress.advance(task, step.compared)

    def _tell(self, step: Step) -> None:
        for difference in step.differences:
            self.found += 1
            self.repaired += difference.repaired
            self.stdout.write(self.write(difference))


def _as_json(difference: Difference) -> str:
    return msgspec.json.encode(difference).decode()


def _as_line(difference: Difference) -> str:
    versions = f"version {difference.log_version} in the log, {difference.table_version} in the table"
    fields = "".join(
        f"; {name}: {told!r} in the log, {is_now!r} in the table" for name, (told, is_now) in difference.fields.items()
    )
    repaired = "; repaired" if difference.repaired else ""
    return f"{difference.aggregate_type} {difference.subject}: {difference.kind} ({versions}){fields}{repaired}"
