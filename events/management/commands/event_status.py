"""Show how far the log, the stream and the groups are, and which processes run."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, connections
from django.utils import timezone
from rich.console import Group
from rich.live import Live
from rich.markup import escape

from events.exceptions import PartitionsMissing
from events.management.arguments import count
from events.management.command import BaseCommand
from events.management.console import Console
from events.management.control import declared_group
from events.management.status_tables import render
from events.operations.status import PartitionStatus, status
from events.processes.database_errors import describe
from events.stream.interface import open_stream

WATCH_SECONDS = 2
STREAM_TIMEOUT_SECONDS = 2.0
"""Servers that do not answer are shown as such, and nobody waits long for that."""


class Command(BaseCommand):
    help = (
        "Show, per partition, the log's last position, the stream's window, and each group's checkpoint, lag, owner "
        "and error. It works while Redis is down."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--group", type=declared_group, metavar="GROUP", help="only this group")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print a JSON list of partitions with their groups")
        form.add_argument(
            "--watch",
            nargs="?",
            type=count,
            const=WATCH_SECONDS,
            metavar="SECONDS",
            help="show it again after each interval (default: %(const)s), until Ctrl-C",
        )

    def handle(self, *, group: str | None, json: bool, watch: int | None, **options: Any) -> None:
        console = Console(
            self.stdout,
            no_color=options.get("no_color"),
            force_terminal=options.get("force_color") or None,
        )
        with closing(open_stream(timeout_seconds=STREAM_TIMEOUT_SECONDS)) as stream:
            look = partial(status, stream, group=group or "")
            try:
                self._show(look, console, json=json, watch=watch)
            except PartitionsMissing as error:
                raise CommandError(str(error)) from error

    def _show(
        self, look: Callable[[], list[PartitionStatus]], console: Console, *, json: bool, watch: int | None
    ) -> None:
        if json:
            self.print_json(look())
        elif watch:
            _watch(look, console, watch)
        else:
            console.print(render(look()))


def _watch(look: Callable[[], list[PartitionStatus]], console: Console, seconds: int) -> None:
    try:
        # On a terminal it has the whole screen, like top, and leaves no trace of itself.
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                live.update(_with_time(_render(look), seconds), refresh=True)
                time.sleep(seconds)
    except KeyboardInterrupt:
        return


def _with_time(shown: Group, seconds: int) -> Group:
    now = timezone.localtime()
    return Group(f"[dim]{now:%H:%M:%S} {now.tzname()}, every {seconds} s; Ctrl-C ends it[/]", shown)


def _render(look: Callable[[], list[PartitionStatus]]) -> Group:
    """Return the status, or the error of a database that does not answer: it may come back while this runs."""
    try:
        return render(look())
    except Error as error:
        connections.close_all()
        return Group(f"[bold red]{escape(describe(error))}[/]")
