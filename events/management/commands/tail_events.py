"""Print the stream's entries."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from heapq import merge
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple

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
"""How long to wait for new entries of all partitions, one after the other."""


class _Placed(NamedTuple):
    partition: int
    entry: Entry


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
                found = chain(older, (placed for placed in later if matches(placed.entry)))
                for placed in islice(found, count):
                    self.stdout.write(_as_json(placed) if json else _as_line(placed, len(after)))
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
) -> Sequence[_Placed]:
    """Return the newest entries that match, up to `ends`: those of several partitions in the order of their times."""
    found = (_newest_of(stream, number, end, wanted=wanted, matches=matches) for number, end in ends.items())
    return [placed for _, placed in merge(*map(_with_times, found), key=itemgetter(0))][-wanted:]


def _newest_of(
    stream: Stream, partition: int, end: str, *, wanted: int, matches: Callable[[Entry], bool]
) -> list[_Placed]:
    position, _, sequence = end.partition("-")
    before, found, count = f"{position}-{int(sequence) + 1}", list[Entry](), wanted
    while len(found) < wanted and (entries := stream.last_entries(partition, count=count, before=before)):
        found = [*filter(matches, entries), *found]
        before, count = entries[0].id, BATCH
    return [_Placed(partition, entry) for entry in found[-wanted:]]


def _with_times(found: Sequence[_Placed]) -> Iterator[tuple[datetime, _Placed]]:
    """Yield each with a time that is not before the last one's, since it was appended later; a foreign one has none."""
    latest = datetime.min.replace(tzinfo=UTC)
    for placed in found:
        latest = max(latest, placed.entry.envelope.time) if placed.entry.envelope else latest
        yield latest, placed


def _later(stream: Stream, after: dict[int, str], *, follow: bool) -> Iterator[_Placed]:
    """Yield the entries after these, up to the end, or for ever with `follow`."""
    is_found, seconds = True, follow * WAIT_SECONDS / len(after)
    while is_found or follow:
        is_found = False
        for partition, last in list(after.items()):
            for entry in stream.entries(partition, after=last, count=BATCH, block_seconds=seconds):
                after[partition], is_found = entry.id, True
                yield _Placed(partition, entry)


def _as_line(placed: _Placed, partitions: int) -> str:
    where = f"{placed.partition}:{placed.entry.id}" if partitions > 1 else placed.entry.id
    envelope = placed.entry.envelope
    if envelope is None:
        return f"{where}  not an entry of the log"
    return f"{where}  {envelope.time:%Y-%m-%d %H:%M:%S%z}  {envelope.type}  {envelope.subject}  {envelope.data}"


def _as_json(placed: _Placed) -> str:
    envelope = placed.entry.envelope
    fields: dict[str, Any] = envelope.to_fields() if envelope else {"foreign": True}
    if envelope:
        fields["data"] = msgspec.Raw(envelope.data.encode())
    return msgspec.json.encode({"partition": placed.partition, "entry": placed.entry.id, **fields}).decode()
