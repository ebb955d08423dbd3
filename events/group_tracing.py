"""What each group has made of one event."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from django.utils.module_loading import import_string

from events.conf import conf
from events.members import GroupMembers, members_of_groups
from events.models import Checkpoint, DeadLetter, LogEntry
from events.ownership import RETRYING
from events.subscriber import handled_names


class GroupTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What a group, or one of its targets, has made of the event."""

    group: str
    target: str
    state: str
    """`handled`, `not handled by this group`, `waiting`, `tried again`, or that of its dead letter."""
    detail: str = ""
    at: datetime | None = None
    """Since when that is so, or, if it was handled, since when at the latest."""


def trace_groups(row: LogEntry) -> Iterator[GroupTrace]:
    """Say what each declared group, and each of its targets, has made of the event."""
    members = members_of_groups()
    for group in sorted(conf.subscribers):
        checkpoints = Checkpoint.objects.filter(group=group, partition=row.partition).order_by("target")
        for checkpoint in checkpoints or [Checkpoint(group=group, partition=row.partition)]:
            yield _trace_group(row, checkpoint, members[group])


def _trace_group(row: LogEntry, checkpoint: Checkpoint, members: GroupMembers) -> GroupTrace:
    group, target = checkpoint.group, checkpoint.target
    if letter := DeadLetter.objects.filter(group=group, target=target, event_id=row.event_id).first():
        return _trace_letter(letter)
    types = types_of(group)
    if types is not None and row.type not in types:
        return GroupTrace(group=group, target=target, state="not handled by this group")
    if row.position is not None and row.position <= checkpoint.position:
        return GroupTrace(group=group, target=target, state="handled", at=checkpoint.updated_at)
    state, detail = _wait(row.position, checkpoint)
    detail = f"{detail}; {_hindrance(members, row.partition)}"
    return GroupTrace(group=group, target=target, state=state, detail=detail)


def _wait(position: int | None, checkpoint: Checkpoint) -> tuple[str, str]:
    if position is None:
        return "waiting", "for its position"
    if position == checkpoint.failed_position:
        return "tried again", f"failed {checkpoint.attempts} times"
    return "waiting", f"{position - checkpoint.position - 1:,} are before it"


def _trace_letter(letter: DeadLetter) -> GroupTrace:
    last = letter.actions.order_by("-id").first()
    why = f"{letter.error_type}: {letter.error}" if letter.error_type else letter.error
    if letter.state == DeadLetter.State.DISCARDED and last:
        why = f"by {last.actor}: {last.detail}"
    return GroupTrace(
        group=letter.group,
        target=letter.target,
        state=f"dead letter {letter.id}, {letter.get_state_display()}",
        detail=f"{why}; {letter.attempts} attempts",
        at=last.at if last else letter.parked_at,
    )


def _hindrance(members: GroupMembers, partition: int) -> str:
    """Say why the group may not go on in the partition, or that it does."""
    owner = members.owners.get(partition)
    if members.is_paused:
        return "the group is paused"
    if not members.living:
        return "no process of the group runs"
    if owner is None or owner.is_expired:
        return "no process owns the partition"
    return f"retrying after {owner.error}" if owner.state == RETRYING else f"its owner is {owner.state}"


def types_of(group: str) -> frozenset[str] | None:
    """Return the types of the events that a declared group is given, None for all."""
    return handled_names(import_string(conf.subscribers[group]))
