"""Trim the stream by hand."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.checks import TAG
from events.conf import conf
from events.exceptions import StreamUnavailable
from events.log.partitions import partition_count
from events.management.dialog import confirm
from events.stream.interface import Stream, open_stream


class Command(BaseCommand):
    help = (
        "Take the oldest entries off the stream, for example to give Redis its memory back. The log keeps their "
        "events, and readers that are not so far yet read them from there. It says what it removes, and asks. The "
        "relay keeps trimming to EVENTS_STREAM_MAX_LENGTH by itself."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--length",
            type=_length,
            metavar="N",
            help="leave just so many entries in each partition (default: EVENTS_STREAM_MAX_LENGTH)",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, length: int | None, yes: bool, **_: Any) -> None:
        left = conf.stream_max_length if length is None else length
        with closing(open_stream()) as stream:
            try:
                self._trim(stream, left, yes=yes)
            except StreamUnavailable as error:
                raise CommandError(str(error)) from error

    def _trim(self, stream: Stream, left: int, *, yes: bool) -> None:
        longer = [partition for partition in range(partition_count()) if stream.length(partition) > left]
        for partition in longer:
            self.stdout.write(_sentence(stream, partition, left))
        if not longer:
            self.stdout.write(f"No partition has more than {left:,} entries; nothing is to be removed.")
            return
        self.stdout.write("Readers that are not so far yet read these events from the log.")
        if not yes:
            confirm()
        removed = sum(stream.trim(partition, length=left) for partition in longer)
        self.stdout.write(f"{removed:,} entries removed.")


def _length(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no number of entries")
    return int(text)


def _sentence(stream: Stream, partition: int, left: int) -> str:
    length = stream.length(partition)
    [first] = stream.entries(partition, after="0", count=1)
    return f"{stream.key(partition)}: the oldest {length - left:,} of {length:,} entries go, from {first.id} on."
