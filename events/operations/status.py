"""The status of the log, the stream and the groups; lag is counted from the log, so it is exact."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db.models import Count, F, OuterRef, Q, Subquery, Value
from django.db.models.expressions import Combinable
from django.utils import timezone
from django.utils.translation import gettext as _

from events.conf import conf
from events.exceptions import StreamUnavailable
from events.groups import checkpoint
from events.groups.members import GroupMembers, Owner, members_of_groups
from events.groups.ownership import OPENING, RETRYING
from events.log.partitions import all_partitions, look_for_partitions, partition_count
from events.models import Checkpoint, DeadLetter, Member, Partition, Position, WaitingEntry
from events.models.groups import MEMBER_STATES
from events.processes.pooled_sessions import release_sessions
from events.stream.interface import Stream

NOT_READY = (OPENING, RETRYING)
EVERY_SERVER = "*"

type Place = tuple[str, str, int]
"""A group, a target and a partition."""


class GroupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer group in one partition; `lag` is the number of positions that it has not handled yet."""

    group: str
    target: str
    checkpoint: int
    lag: int
    lag_seconds: float
    """Age of the next event to handle, 0 without lag."""
    reads_from_log: bool
    """Whether the stream no longer has its next event."""
    pending: int | None
    """Entries that were read but not acknowledged; None if Redis does not answer."""
    is_paused: bool
    owner: Owner | None
    standing_by: list[str]
    """The processes of the group that are ready, but own no partition."""
    not_ready: list[str]
    """Those that own no partition because they can't open the subscriber or fail, each with its state and error."""
    failed_position: int | None
    """The event that is being retried; `attempts` is how often it has failed."""
    attempts: int
    hangs: int
    """How often a handler hung."""
    one_at_a_time_to: int | None
    """The position up to which events are handled one at a time, because a handler hung with one of them."""
    dead_letters: int
    """Open dead letters."""
    letters_to_retry: int
    """Open dead letters that are marked to be retried."""
    is_held_back: bool
    """Whether it waits for events in partitions from which this one was split off: they come first."""


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A partition: the log's last position, the number of rows without one, the stream's window, and the groups."""

    partition: int
    last_position: int
    without_position: int
    parent: int | None
    """The partition from which it was split off, None for one that the log has had from the start."""
    parent_position: int
    """The parent's last position then."""
    stream: str
    stream_first_position: int | None
    stream_position: int | None
    stream_length: int | None
    stream_bytes: int | None
    """None also if the server does not say."""
    stream_error: str
    divergence: str
    """How the stream has diverged from the log, "" if it has not."""
    foreign_entries: int
    """How many entries of the stream were found not to be ours, so far."""
    repairs: int
    """How often the stream was filled anew because of them."""
    groups: list[GroupStatus]


class _StreamWindow(NamedTuple):
    """The part of the log that the stream has; nothing is known while Redis is down."""

    first_position: int | None = None
    position: int | None = None
    length: int | None = None
    size: int | None = None
    error: str = ""

    def has_lost(self, position: int) -> bool:
        """Tell whether a reader finds this event only in the log."""
        if self.error or self.position is None or position > self.position:
            return False
        return self.first_position is None or position < self.first_position


class _Reached(NamedTuple):
    """A checkpoint, and when the next event after it was recorded."""

    checkpoint: Checkpoint
    since: datetime | None


class _Known(NamedTuple):
    """What the database says of all groups, by a few queries whatever the number of partitions."""

    reached: Mapping[int, Sequence[_Reached]]
    members: Mapping[str, GroupMembers]
    letters: Mapping[Place, tuple[int, int]]
    positions: Mapping[tuple[str, str], Mapping[int, int]]
    """How far each target of a group has come, by partition."""


def status(stream: Stream, *, group: str = "") -> list[PartitionStatus]:
    """Return the status of every partition, with all groups or one; Redis may be down. Raise PartitionsMissing."""
    return list(each_status(stream, group=group))


def each_status(stream: Stream, *, group: str = "") -> Iterator[PartitionStatus]:
    """Yield the status of each partition once the stream has answered; else as above."""
    look_for_partitions()
    partitions, counts, known = all_partitions(), _without_position(), _look_at_groups()
    errors = _errors_of_servers(stream)
    for partition in partitions:
        window = _look_unless_down(stream, partition.number, errors)
        yield PartitionStatus(
            partition=partition.number,
            last_position=partition.last_position,
            without_position=counts.get(partition.number, 0),
            parent=partition.parent,
            parent_position=partition.parent_position,
            stream=stream.key(partition.number),
            stream_first_position=window.first_position,
            stream_position=window.position,
            stream_length=window.length,
            stream_bytes=window.size,
            stream_error=window.error,
            divergence=partition.divergence,
            foreign_entries=partition.foreign_entries,
            repairs=partition.repairs,
            groups=[
                _group_status(stream, partition, reached, window=window, known=known)
                for reached in known.reached.get(partition.number, ())
                if group in {"", reached.checkpoint.group}
            ],
        )


def _without_position() -> Mapping[int, int]:
    waiting = WaitingEntry.objects.annotate(home=F("slot") % partition_count()).values("home")
    return dict(waiting.annotate(rows=Count("entry_id")).values_list("home", "rows"))


def _look_at_groups() -> _Known:
    return _Known(_checkpoints(), members_of_groups(), _letters(), checkpoint.positions_of_all())


def _checkpoints() -> Mapping[int, Sequence[_Reached]]:
    """Return those of each partition, and one at 0 for each declared group that never ran in it."""
    found: defaultdict[int, list[_Reached]] = defaultdict(list)
    rows = Checkpoint.objects.annotate(since=_time_after("partition", OuterRef("position")))
    for reached in rows.order_by("group", "target"):
        found[reached.partition].append(_Reached(reached, reached.since))
    firsts = Partition.objects.annotate(since=_time_after("number", Value(0)))
    for number, since in firsts.values_list("number", "since"):
        never_ran = sorted(conf.subscribers.keys() - {known.checkpoint.group for known in found[number]})
        found[number] += [_Reached(Checkpoint(group=group, partition=number), since) for group in never_ran]
    return found


def _time_after(partition: str, position: Combinable) -> Subquery:
    """Return the time of a partition's next event, not of the oldest: that is slow if a group is far behind."""
    following = Position.objects.filter(partition=OuterRef(partition), position__gt=position)
    return Subquery(following.order_by("position").values("entry__time")[:1])


def _letters() -> Mapping[Place, tuple[int, int]]:
    """Return how many dead letters are open, and how many of these are marked to be retried."""
    to_retry = Count("id", filter=Q(state=DeadLetter.State.RETRY))
    places = DeadLetter.objects.filter(state__in=DeadLetter.OPEN).values("group", "target", "partition")
    counted = places.annotate(still_open=Count("id"), to_retry=to_retry).order_by()
    return {
        (group, target, partition): (still_open, marked)
        for group, target, partition, still_open, marked in counted.values_list(
            "group", "target", "partition", "still_open", "to_retry"
        )
    }


def _describe(member: Member) -> str:
    text = _("%(member)s is %(state)s: %(error)s") if member.error else _("%(member)s is %(state)s")
    return text % {"member": member.id, "state": MEMBER_STATES.get(member.state, member.state), "error": member.error}


def _errors_of_servers(stream: Stream) -> dict[str, str]:
    release_sessions()  # The stream may take its time to answer.
    try:
        return {server: str(error) for server, error in stream.unreachable().items()}
    except StreamUnavailable as error:
        return {EVERY_SERVER: str(error)}


def _look_unless_down(stream: Stream, partition: int, errors: dict[str, str]) -> _StreamWindow:
    """Ask no server again that has failed, since each call would wait for its time-out."""
    if EVERY_SERVER in errors:
        return _StreamWindow(error=errors[EVERY_SERVER])
    try:
        server = stream.server_of(partition)
    except StreamUnavailable as error:  # No master has it.
        return _StreamWindow(error=str(error))
    if server in errors:
        return _StreamWindow(error=errors[server])
    window = _look(stream, partition)
    if window.error:
        errors[server] = window.error
    return window


def _look(stream: Stream, partition: int) -> _StreamWindow:
    release_sessions()  # The stream may take its time to answer.
    try:
        first = stream.entries(partition, after="0", count=1)
        return _StreamWindow(
            first_position=int(first[0].id.partition("-")[0]) if first else None,
            position=stream.tail(partition).position,
            length=stream.length(partition),
            size=stream.memory_usage(partition),
        )
    except StreamUnavailable as error:
        return _StreamWindow(error=str(error))


def _group_status(
    stream: Stream, partition: Partition, reached: _Reached, *, window: _StreamWindow, known: _Known
) -> GroupStatus:
    found, since = reached
    members = known.members.get(found.group, GroupMembers())
    place = (found.group, found.target, partition.number)
    still_open, to_retry = known.letters.get(place, (0, 0))
    return GroupStatus(
        group=found.group,
        target=found.target,
        checkpoint=found.position,
        lag=max(0, partition.last_position - found.position),  # The partition was read before.
        lag_seconds=(timezone.now() - since).total_seconds() if since else 0.0,
        reads_from_log=found.position < partition.last_position and window.has_lost(found.position + 1),
        pending=None if window.error else _pending(stream, partition.number, found.group),
        is_paused=members.is_paused,
        owner=members.owners.get(partition.number),
        standing_by=[member.id for member in members.idle if member.state not in NOT_READY],
        not_ready=[_describe(member) for member in members.idle if member.state in NOT_READY],
        failed_position=found.failed_position,
        attempts=found.attempts,
        hangs=found.hangs,
        one_at_a_time_to=found.hung_to if found.hung_to > found.position else None,
        dead_letters=still_open,
        letters_to_retry=to_retry,
        is_held_back=checkpoint.must_wait(partition.number, known.positions.get((found.group, found.target), {})),
    )


def _pending(stream: Stream, partition: int, group: str) -> int | None:
    release_sessions()
    return stream.pending(partition, group)
