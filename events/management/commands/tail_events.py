"""Print the stream's entries."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from events.exceptions import StreamUnavailable
from events.partitions import partition_count
from events.stream import Entry, Stream, open_stream

NEWEST = 10
BATCH = 500
WAIT_SECONDS = 1.0


class Command(BaseCommand):
    help = "Print entries of the event stream, one a line. It reads beside the consumer groups and moves none of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="start",
            type=_position,
            metavar="ID",
            help=f"start at this position or entry id; 0 is the first entry (default: the newest {NEWEST})",
        )
        parser.add_argument("--count", type=_count, metavar="N", help="end after N entries")
        parser.add_argument("--follow", action="store_true", help="wait for further entries, until Ctrl-C")
        parser.add_argument("--json", action="store_true", help="print each entry as a JSON object of its fields")

    def handle(self, *, start: int | None, count: int | None, follow: bool, json: bool, **_: Any) -> None:
        found = _entries(open_stream(), start, newest=count or NEWEST, follow=follow)
        try:
            for entry in islice(found, count):
                self.stdout.write(_as_json(entry) if json else _as_line(entry))
        except StreamUnavailable as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            return


def _position(text: str) -> int:
    if not re.fullmatch(r"\d+(-\d+)?", text):
        raise ArgumentTypeError(f"{text!r} is no position and no entry id such as 17-0")
    return int(text.partition("-")[0])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _entries(stream: Stream, start: int | None, *, newest: int, follow: bool) -> Iterator[Entry]:
    partitions = range(partition_count())
    after = dict.fromkeys(partitions, f"{max((start or 0) - 1, 0)}-0")
    if start is None:
        for partition in partitions:
            for entry in stream.last_entries(partition, count=newest):
                yield entry
                after[partition] = entry.id
    while start is not None or follow:
        found = False
        for partition in partitions:
            for entry in stream.entries(
                partition, after=after[partition], count=BATCH, block_seconds=follow * WAIT_SECONDS
            ):
                yield entry
                after[partition], found = entry.id, True
        if not (found or follow):
            return


def _as_line(entry: Entry) -> str:
    envelope = entry.envelope
    if envelope is None:
        return f"{entry.id}  not an entry of the log"
    return f"{entry.id}  {envelope.time:%Y-%m-%d %H:%M:%S%z}  {envelope.type}  {envelope.subject}  {envelope.data}"


def _as_json(entry: Entry) -> str:
    fields: dict[str, Any] = entry.envelope.to_fields() if entry.envelope else {"foreign": True}
    if entry.envelope:
        fields["data"] = msgspec.Raw(entry.envelope.data.encode())
    return msgspec.json.encode({"entry": entry.id, **fields}).decode()
