"""Show how far the log, the stream and the groups are."""

from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from events.divergence import REMEDY
from events.status import PartitionStatus, status
from events.stream import open_stream


class Command(BaseCommand):
    help = "Show, per partition, the log's last position, the stream's window, and each group's checkpoint and lag."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON, a list of partitions with their groups")

    def handle(self, *, json: bool, **_: Any) -> None:
        partitions = status(open_stream())
        if json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(partitions)).decode())
            return
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        for partition in partitions:
            console.print(_headline(partition))
            if partition.divergence:
                console.print(f"[bold red]diverged[/]: {partition.divergence}; {REMEDY}")
            console.print(_table(partition))


def _headline(partition: PartitionStatus) -> str:
    stream = partition.stream_error or f"{partition.stream_length:,} entries up to {partition.stream_position:,}"
    return (
        f"[bold]partition {partition.partition}[/]: log at {partition.last_position:,}, "
        f"{partition.without_position:,} events without a position; stream {partition.stream}: {stream}"
    )


def _table(partition: PartitionStatus) -> Table:
    table = Table("group", "target")
    for column in ("checkpoint", "lag", "oldest", "pending", "dead letters"):
        table.add_column(column, justify="right")
    for group in partition.groups:
        table.add_row(
            group.group,
            group.target,
            f"{group.checkpoint:,}",
            f"{group.lag:,}",
            f"{group.lag_seconds:.1f} s",
            "?" if group.pending is None else f"{group.pending:,}",
            f"{group.dead_letters:,}",
            style="red" if group.dead_letters else "yellow" if group.lag else None,
        )
    return table
