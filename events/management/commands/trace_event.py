"""Trace one event: through the log, the stream and the groups."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.core.management.base import CommandError

from events.envelope import Envelope
from events.exceptions import PartitionsMissing
from events.feed.pages import feed_event
from events.log.partitions import partition_count
from events.management.command import BaseCommand
from events.models import LogEntry
from events.operations.trace import EventUnknown, GroupTrace, Related, Trace, find_event, find_event_at, trace
from events.stream.interface import open_stream


class _Place(NamedTuple):
    """A position; the partition is None if none is given."""

    partition: int | None
    position: int


class Command(BaseCommand):
    help = (
        "Show the whole way of one event: its row in the log, its entry on the stream, its state in each group, its "
        "effects, and the events that it caused. Redis, and what the groups write to, may be down."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "event", type=_event, metavar="ID", help="the event's id, or PARTITION:POSITION, or a position if there is "
            "only one partition"
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print it as a JSON object")

    def handle(self, *, event: UUID | _Place, json: bool, **_: Any) -> None:
        try:
            row = find_event(event) if isinstance(event, UUID) else _find_at(event)
        except (EventUnknown, PartitionsMissing) as error:
            raise CommandError(str(error)) from error
        with closing(open_stream()) as stream:
            found = trace(stream, row)
        if json:
            # The event as the feed shows it.
            shown = msgspec.Raw(feed_event(found.partition, found.event).json)
            self.print_json(msgspec.structs.asdict(found) | {"event": shown})
        else:
            self.stdout.write("\n".join(_lines(found)))


def _event(text: str) -> UUID | _Place:
    if found := re.fullmatch(r"(?:(\d{1,4}):)?(\d{1,18})", text, re.ASCII):
        return _Place(int(found[1]) if found[1] else None, int(found[2]))
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an event's id (a UUID), a position or PARTITION:POSITION") from None


def _find_at(place: _Place) -> LogEntry:
    if place.partition is None and partition_count() > 1:
        message = f"there are {partition_count()} partitions: write PARTITION:{place.position}"
        raise CommandError(message, returncode=2)
    return find_event_at(place.partition or 0, place.position)


def _lines(found: Trace) -> Iterator[str]:
    event = found.event
    yield f"{event.type} of {event.subject}, version {event.aggregate_version}"
    yield f"  id           {event.id}"
    yield f"  recorded     {event.time.isoformat(sep=' ')}" + f" by {event.actor}" * bool(event.actor)
    yield from _origins(event, found.cause)
    position = "none yet" if event.position is None else f"{event.position:,}"
    yield f"  position     {position}, partition {found.partition}"
    yield f"  stream       {found.stream}"
    for group in found.groups:
        yield from _about_group(group, found.effects.get(group.group, ""))
    yield from _about("caused", found.caused)
    yield from _about("correlated", found.correlated)


def _origins(event: Envelope, cause: str) -> Iterator[str]:
    yield f"  correlation  {event.correlation_id}"
    if cause:
        yield f"  caused by    {cause}"
    if event.traceparent:
        yield f"  trace        {event.traceparent}"


def _about_group(group: GroupTrace, effect: str) -> Iterator[str]:
    since = f" ({'by' if group.state == 'handled' else 'since'} {group.at.isoformat(sep=' ')})" if group.at else ""
    detail = f": {group.detail}" if group.detail else ""
    yield f"{f'{group.group} {group.target}'.strip()}: {group.state}{detail}{since}"
    if effect:
        yield f"  effect       {effect}"


def _about(relation: str, related: Related) -> Iterator[str]:
    if related.count:
        yield f"{relation}: {related.count:,} {'event' if related.count == 1 else 'events'}"
        yield from (f"  {event}" for event in related.first)
        if related.count > len(related.first):
            yield f"  and {related.count - len(related.first):,} more"
