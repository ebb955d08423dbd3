"""Print the stream's entries."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from typing import Any

import msgspec
from django.core.management.base import CommandError

from events.exceptions import PartitionsMissing, StreamUnavailable
from events.log.partitions import partition_count
from events.management.arguments import count as count_argument
from events.management.command import BaseCommand
from events.stream.interface import Entry, Stream, open_stream

NEWEST = 10
FROM_NOW_ON = "$"
BATCH = 500
WAIT_SECONDS = 1.0


class Command(BaseCommand):
    help = "Print entries of the event stream, one per line. It does not affect the consumer groups."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="start",
            type=_position,
            metavar="ID",
            help="start at this position or entry id; 0 is the first entry, $ waits for new ones "
            f"(default: the newest {NEWEST})",
        )
        parser.add_argument(
            "--type", dest="types", action="append", default=[], help="only events of this type; may be repeated"
        )
        parser.add_argument(
            "--subject",
            dest="subjects",
            action="append",
            default=[],
            metavar="ID",
            help="only events of this aggregate; may be repeated",
        )
        parser.add_argument("--count", type=count_argument, metavar="N", help="end after N entries")
        parser.add_argument("--follow", action="store_true", help="wait for further entries, until Ctrl-C")
        parser.add_argument("--json", action="store_true", help="print each entry as a JSON object of its fields")

    def handle(self, *, start: str | None, count: int | None, follow: bool, json: bool, **options: Any) -> None:
        matches = _filter(options["types"], options["subjects"])
        try:
            with closing(open_stream()) as stream:
                after = {partition: _start(stream, partition, start) for partition in range(partition_count())}
                older = [] if start else _newest(stream, after, wanted=count or NEWEST, matches=matches)
                later = _later(stream, after, follow=follow or start == FROM_NOW_ON) if start or follow else []
                for entry in islice(chain(older, filter(matches, later)), count):
                    self.stdout.write(_as_json(entry) if json else _as_line(entry))
        except (PartitionsMissing, StreamUnavailable) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            return


def _position(text: str) -> str:
    if not (text == FROM_NOW_ON or re.fullmatch(r"\d{1,18}(-\d{1,18})?", text, re.ASCII)):
        raise ArgumentTypeError(f"{text!r} is not a position, an entry id such as 17-0, or $")
    return text


def _filter(types: Collection[str], subjects: Collection[str]) -> Callable[[Entry], bool]:
    def matches(entry: Entry) -> bool:
        envelope = entry.envelope
        if envelope is None:
            return not (types or subjects)
        return (not types or envelope.type in types) and (not subjects or envelope.subject in subjects)

    return matches


def _start(stream: Stream, partition: int, start: str | None) -> str:
    """Return the id of the entry after which to read: the last one, unless a start is given."""
    if start and start != FROM_NOW_ON:
        return f"{max(int(start.partition('-')[0]) - 1, 0)}-0"
    last = stream.last_entries(partition, count=1)
    return last[0].id if last else f"{stream.tail(partition).position}-0"


def _newest(
    stream: Stream, ends: Mapping[int, str], *, wanted: int, matches: Callable[[Entry], bool]
) -> Iterator[Entry]:
    """Yield the newest entries that match, up to `ends`: `wanted` of each partition."""
    for partition, end in ends.items():
        position, _, sequence = end.partition("-")
        before, found, count = f"{position}-{int(sequence) + 1}", list[Entry](), wanted
        while len(found) < wanted and (entries := stream.last_entries(partition, count=count, before=before)):
            found = [*filter(matches, entries), *found]
            before, count = entries[0].id, BATCH
        yield from found[-wanted:]


def _later(stream: Stream, after: dict[int, str], *, follow: bool) -> Iterator[Entry]:
    """Yield the entries after these, up to the end, or for ever with `follow`."""
    is_found = True
    while is_found or follow:
        is_found = False
        for partition, last in list(after.items()):
            for entry in stream.entries(partition, after=last, count=BATCH, block_seconds=follow * WAIT_SECONDS):
                after[partition], is_found = entry.id, True
                yield entry


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
