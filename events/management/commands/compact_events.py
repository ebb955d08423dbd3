"""Drop events from the log that newer events of the same aggregate have replaced."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.core.management.base import CommandError
from django.utils import timezone
from rich.progress import Progress

from events.checks import TAG
from events.exceptions import CheckpointMissing
from events.management.arguments import age
from events.management.command import BaseCommand
from events.management.console import Console, Table
from events.models import Partition
from events.operations.compaction import compact, floor_of


class _Report(msgspec.Struct, kw_only=True):
    """The result for a partition. Events above `floor`, the checkpoint of `held_by`, were not compacted."""

    partition: int
    dropped: int = 0
    compacted_to: int
    floor: int
    held_by: str
    last_position: int


class Command(BaseCommand):
    help = (
        "Drop events that newer ones of the same aggregate have replaced, once both are older than an age and handled "
        "by every group of EVENTS_SUBSCRIBERS. The newest event of each aggregate stays, and so do events that are "
        "open dead letters. It works in short transactions, so traffic can go on; after an interruption, run it again. "
        "A group that is added later gets only the events that are left."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=age,
            metavar="AGE",
            required=True,
            help="an age in days, hours or minutes: 90d, 12h, 30m; younger events stay, and so does what they replaced",
        )
        parser.add_argument("--dry-run", action="store_true", help="count what would be dropped, and drop nothing")
        parser.add_argument("--json", action="store_true", help="print a JSON list of partitions")

    def handle(self, *, older_than: timedelta, dry_run: bool, json: bool, **_: Any) -> None:
        try:
            reports = [_report(partition) for partition in Partition.objects.order_by("number")]
            self._compact(reports, before=timezone.now() - older_than, dry_run=dry_run)
        except CheckpointMissing as error:
            raise CommandError(str(error)) from error
        if json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(reports)).decode())
        else:
            Console(self.stdout).print(_table(reports, dry_run=dry_run))

    def _compact(self, reports: list[_Report], *, before: datetime, dry_run: bool) -> None:
        console = Console()
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            for report in reports:
                start = report.compacted_to
                task = progress.add_task(f"partition {report.partition}", total=report.floor - start)
                for batch in compact(report.partition, before=before, dry_run=dry_run):
                    report.compacted_to = batch.compacted_to
                    report.dropped += batch.dropped
                    progress.update(task, completed=batch.compacted_to - start)


def _report(partition: Partition) -> _Report:
    floor = floor_of(partition.number)
    return _Report(
        partition=partition.number,
        compacted_to=partition.compacted_to,
        floor=floor.position,
        held_by=floor.held_by,
        last_position=partition.last_position,
    )


def _table(reports: list[_Report], *, dry_run: bool) -> Table:
    table = Table("partition")
    for column in ("would be dropped" if dry_run else "dropped", "compacted to", "last position", "lowest checkpoint"):
        table.add_column(column, justify="right")
    table.add_column("of")
    for report in reports:
        figures = (report.partition, report.dropped, report.compacted_to, report.last_position, report.floor)
        table.add_row(*(f"{figure:,}" for figure in figures), report.held_by)
    return table
