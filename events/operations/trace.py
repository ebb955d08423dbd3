"""Trace one event: in the log, on the stream, through each group, to its effects and the events that it caused."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from uuid import UUID

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from events import log
from events.conf import conf
from events.envelope import Envelope
from events.exceptions import EventError, StreamUnavailable
from events.groups import checkpoint
from events.groups.members import GroupMembers, members_of_groups
from events.groups.ownership import RETRYING
from events.log.partitions import partition_of
from events.models import Checkpoint, DeadLetter, LogEntry
from events.processes.pooled_sessions import release_sessions
from events.relay import divergence
from events.stream.interface import Stream
from events.stream.tail import EMPTY
from events.subscriber import handled_names, load_subscriber

FIRST_FEW = 5
HIGHEST_SEQUENCE = 2**64 - 1


class GroupTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The event's state in a group, or in one of the group's targets."""

    group: str
    target: str
    state: str
    """`handled`, `not handled by this group`, `waiting`, `tried again`, or the state of its dead letter."""
    detail: str = ""
    at: datetime | None = None
    """The time since which it is in this state; of a handled event, the latest possible time."""


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """Related events: their number, and the first few of them."""

    count: int
    first: list[str]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """An event's whole way. What Redis or a target does not tell is given as not known."""

    event: Envelope
    partition: int
    stream: str
    groups: list[GroupTrace]
    effects: dict[str, str]
    """The event's effects, by the groups that can describe them."""
    cause: str
    caused: Related
    correlated: Related


class EventUnknown(EventError):
    """The log has no such event: it was rolled back, or newer events of its aggregate have replaced it."""


def find_event(event_id: UUID) -> LogEntry:
    """Return the event's row; raise EventUnknown."""
    return _find(LogEntry.objects.filter(event_id=event_id).first(), str(event_id))


def find_event_at(partition: int, position: int) -> LogEntry:
    """Return the row of the event at a position; raise EventUnknown."""
    row = LogEntry.objects.filter(place__partition=partition, place__position=position).first()
    return _find(row, f"{position:,} of partition {partition}")


def _find(row: LogEntry | None, sought: str) -> LogEntry:
    if row is None:
        raise EventUnknown(f"{sought}: {EventUnknown.__doc__}")
    return row


def trace(stream: Stream, row: LogEntry) -> Trace:
    """Trace the event everywhere; Redis, and what the groups write to, may be down."""
    envelope = log.read_event(row.event_id)
    caused = LogEntry.objects.filter(causation_id=str(row.event_id))
    correlated = LogEntry.objects.filter(correlation_id=row.correlation_id).exclude(id=row.id)
    return Trace(
        event=envelope,
        partition=_partition_of(row),
        stream=_trace_stream(stream, row),
        groups=list(_trace_groups(row)),
        effects={group: effect for group in sorted(conf.subscribers) if (effect := _find_effect(group, envelope))},
        cause=_describe_cause(row),
        caused=_related(caused),
        correlated=_related(correlated),
    )


def _partition_of(row: LogEntry) -> int:
    """Return where the event is, or will be: whoever recorded it may have known fewer partitions."""
    return partition_of(row.subject) if row.position is None else row.place.partition


def _trace_stream(stream: Stream, row: LogEntry) -> str:
    if row.position is None:
        return _("not yet: it has no position, which relay_events gives")
    release_sessions()  # The stream may take its time to answer.
    try:
        return _find_on_stream(stream, _partition_of(row), row.position, row.event_id)
    except StreamUnavailable as error:
        return _("not known: %(error)s") % {"error": error}


def _find_on_stream(stream: Stream, partition: int, position: int, event_id: UUID) -> str:
    entries = stream.entries(partition, after=f"{position - 1}-{HIGHEST_SEQUENCE}", count=1)
    if entries and entries[0].id == f"{position}-0":
        is_own = entries[0].envelope and entries[0].envelope.id == event_id
        return _("there") if is_own else _("a foreign entry is in its place")
    if diverged := divergence.current(partition):
        facts = {"divergence": diverged, "remedy": divergence.REMEDY}
        return _("not there: the stream has diverged: %(divergence)s; %(remedy)s") % facts
    tail = stream.tail(partition)
    if tail == EMPTY or tail.position < position:
        end = {"position": f"{tail.position:,}"}
        return _("not yet: the stream ends at %(position)s, and relay_events appends") % end
    if stream.entries(partition, after="0", count=1) == entries:
        return _("trimmed; readers find it in the log")
    return _("lost; readers find it in the log")


def _trace_groups(row: LogEntry) -> Iterator[GroupTrace]:
    """Trace the event through each declared group, and each of its targets."""
    partition = _partition_of(row)
    members, checkpoints = members_of_groups(), checkpoint.of_partition(partition)
    for group in sorted(conf.subscribers):
        found = [reached for reached in checkpoints if reached.group == group]
        for reached in found or [Checkpoint(group=group, partition=partition)]:
            yield _trace_group(row, reached, members[group])


def _trace_group(row: LogEntry, reached: Checkpoint, members: GroupMembers) -> GroupTrace:
    group, target = reached.group, reached.target
    if letter := DeadLetter.objects.filter(group=group, target=target, event_id=row.event_id).first():
        return _trace_letter(letter)
    if not _is_handled_by(group, row.type):
        return GroupTrace(group=group, target=target, state=_("not handled by this group"))
    if row.position is not None and row.position <= reached.position:
        return GroupTrace(group=group, target=target, state=_("handled"), at=reached.updated_at)
    state, detail = _trace_waiting(row.position, reached)
    if checkpoint.held_back(group, target, [reached.partition]):
        detail = _joined(detail, _("events that come before those of its partition, in another one, are not handled"))
    detail = _joined(detail, _describe_owner(members, reached.partition))
    return GroupTrace(group=group, target=target, state=state, detail=detail)


def _trace_letter(letter: DeadLetter) -> GroupTrace:
    last = letter.actions.order_by("-id").first()
    why = f"{letter.error_type}: {letter.error}" if letter.error_type else letter.error
    if letter.state == DeadLetter.State.DISCARDED and last:
        why = _("by %(actor)s: %(reason)s") % {"actor": last.actor, "reason": last.detail}
    return GroupTrace(
        group=letter.group,
        target=letter.target,
        state=_("dead letter %(id)s, %(state)s") % {"id": letter.id, "state": letter.get_state_display()},
        detail=_joined(why, _("%(number)s attempts") % {"number": letter.attempts}),
        at=last.at if last else letter.parked_at,
    )


def _trace_waiting(position: int | None, reached: Checkpoint) -> tuple[str, str]:
    if position is None:
        return _("waiting"), _("for its position")
    if position == reached.failed_position:
        return _("tried again"), _("failed %(number)s times") % {"number": reached.attempts}
    before = {"number": f"{position - reached.position - 1:,}"}
    return _("waiting"), _("%(number)s are before it") % before


def _describe_owner(members: GroupMembers, partition: int) -> str:
    """Say what the partition's owner does, or why the group does not go on."""
    owner = members.owners.get(partition)
    if members.is_paused:
        return _("the group is paused")
    if not members.living:
        return _("no process of the group runs")
    if owner is None or owner.is_expired:
        return _("no process owns the partition")
    if owner.state == RETRYING:
        return _("retrying after %(error)s") % {"error": owner.error}
    return _("its owner is %(state)s") % {"state": owner.state_in_words}


def _joined(first: str, second: str) -> str:
    return f"{first}; {second}"


def _find_effect(group: str, envelope: Envelope) -> str:
    if not _is_handled_by(group, envelope.type):
        return ""
    release_sessions()
    try:
        with closing(load_subscriber(group)) as subscriber:
            return subscriber.find_effect(envelope)
    except (EventError, ImproperlyConfigured) as error:
        return _("not known: %(error)s") % {"error": error}


def _is_handled_by(group: str, name: str) -> bool:
    names = handled_names(import_string(conf.subscribers[group]))
    return names is None or name in names


def _describe_cause(row: LogEntry) -> str:
    if not row.causation_id:
        return ""
    cause = LogEntry.objects.filter(event_id=row.causation_id).first()
    if cause is None:
        return _("%(id)s, which is no longer in the log") % {"id": row.causation_id}
    return _describe(cause)


def _related(rows: QuerySet[LogEntry]) -> Related:
    return Related(count=rows.count(), first=[_describe(row) for row in rows.order_by("id")[:FIRST_FEW]])


def _describe(row: LogEntry) -> str:
    return _("%(id)s %(type)s of %(subject)s") % {"id": row.event_id, "type": row.type, "subject": row.subject}
