"""Trim the stream by hand."""

from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError

from events.checks import TAG
from events.conf import conf
from events.exceptions import PartitionsMissing, StreamUnavailable
from events.log.partitions import partition_count
from events.management.arguments import number
from events.management.command import BaseCommand
from events.management.dialog import confirm
from events.stream.interface import Stream, open_stream


class Command(BaseCommand):
    help = (
        "Remove the oldest entries from the stream, for example to free memory of Redis. The log keeps their events, "
        "and groups that have not read them yet read them there. It first shows what it will remove, and asks. Each "
        "flush trims to EVENTS_STREAM_MAX_LENGTH by itself."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--length",
            type=number,
            metavar="N",
            help="leave N entries in each partition (default: EVENTS_STREAM_MAX_LENGTH)",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, length: int | None, yes: bool, **_: Any) -> None:
        left = conf.stream_max_length if length is None else length
        with closing(open_stream()) as stream:
            try:
                self._trim(stream, left, yes=yes)
            except (PartitionsMissing, StreamUnavailable) as error:
                raise CommandError(str(error)) from error

    def _trim(self, stream: Stream, left: int, *, yes: bool) -> None:
        longer = [partition for partition in range(partition_count()) if stream.length(partition) > left]
        for partition in longer:
            self.stdout.write(_sentence(stream, partition, left))
        if not longer:
            self.stdout.write(f"No partition has more than {left:,} entries, so nothing is removed.")
            return
        self.stdout.write("Groups that have not read these events yet read them from the log.")
        if not yes:
            confirm()
        removed = sum(stream.trim(partition, length=left) for partition in longer)
        self.stdout.write(f"{removed:,} entries removed.")


def _sentence(stream: Stream, partition: int, left: int) -> str:
    length = stream.length(partition)
    [first] = stream.entries(partition, after="0", count=1)
    return f"{stream.key(partition)}: removes the oldest {length - left:,} of {length:,} entries, from {first.id} on."
