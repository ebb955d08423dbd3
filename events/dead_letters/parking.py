"""Park the events that a group could not handle, and retry them in order; only the partition's owner does this.

An operator only marks letters (events/dead_letters/actions.py). An event with an open letter is handled only through
that letter; for an ordered subscriber, later events of its aggregate become letters that queue behind it.
"""

import traceback
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from events import log
from events.database import atomic
from events.envelope import Envelope
from events.exceptions import LONGEST_TEXT, text_of
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.log.partitions import ancestors_of
from events.models import DeadLetter, DeadLetterAction, LogEntry
from events.texts.storable import storable

State = DeadLetter.State
CONSUMER = "consumer"


class Blocked(NamedTuple):
    """The events of a batch that have an open letter, and the position from which each aggregate waits behind one."""

    own: frozenset[UUID]
    subjects: Mapping[str, int]

    def blocks(self, envelope: Envelope) -> bool:
        """Tell whether the event must queue behind an earlier one of its aggregate."""
        first = self.subjects.get(storable(envelope.subject))
        return first is not None and (envelope.position or 0) > first


def _open_letters(claim: Claim) -> QuerySet[DeadLetter]:
    return _letters(claim).filter(state__in=DeadLetter.OPEN)


def blocked(claim: Claim, batch: Sequence[Envelope]) -> Blocked:
    """Find the open letters of the batch's events and aggregates.

    One in a partition that had the aggregate before the log was repartitioned is before all events of this one.
    """
    letters = _open_letters(claim)
    events = [envelope.id for envelope in batch]
    own = [letter.event_id for letter in letters.filter(event_id__in=events).only("event_id") if letter.event_id]
    subjects = letters.filter(subject__in={envelope.subject for envelope in batch}, position__isnull=False)
    first = subjects.values("subject").annotate(first=Min("position")).order_by()
    found = dict(first.values_list("subject", "first"))
    if earlier := ancestors_of(claim.partition):
        before = _of_target(claim).filter(partition__in=earlier, state__in=DeadLetter.OPEN)
        there = before.filter(subject__in={envelope.subject for envelope in batch}, position__isnull=False)
        found |= dict.fromkeys(there.values_list("subject", flat=True), 0)
    return Blocked(frozenset(own), found)


def last_open_position(claim: Claim) -> int:
    """Return the last position with an open letter, 0 if there is none."""
    return _open_letters(claim).aggregate(last=Max("position"))["last"] or 0


def are_open_before(claim: Claim) -> bool:
    """Tell whether a letter is open in a partition that has earlier events of this one's aggregates."""
    earlier = ancestors_of(claim.partition)
    return bool(earlier) and _of_target(claim).filter(partition__in=earlier, state__in=DeadLetter.OPEN).exists()


def park(claim: Claim, envelope: Envelope, error: Exception, *, attempts: int) -> None:
    """Park the event as a dead letter in the caller's transaction; open its letter again if it was closed."""
    letter = _keep(claim, envelope, State.PARKED, _description(error) | {"attempts": attempts})
    note(letter, CONSUMER, "parked", letter.error)


def queue(claim: Claim, envelope: Envelope) -> None:
    """Queue the event behind the parked one of its aggregate, in the caller's transaction."""
    queued = {"error_type": "", "error": "an earlier event of its aggregate is parked", "traceback": "", "attempts": 0}
    _keep(claim, envelope, State.QUEUED, queued)


def queue_all(claim: Claim, envelopes: Sequence[Envelope]) -> None:
    """Queue all the events or none; raise LeaseLost if another process owns the partition now."""
    with atomic():
        checkpoint.hold(claim)
        for envelope in envelopes:
            queue(claim, envelope)


def due(claim: Claim, *, settled_to: int, ordered: bool) -> DeadLetter | None:
    """Return the first letter to retry: one that is marked for it, or queued behind none any more.

    One behind the checkpoint must wait: its event is delivered again, and must find it open.
    """
    letters = _open_letters(claim).filter(Q(position=None) | Q(position__lte=settled_to))
    earlier = letters.filter(subject=OuterRef("subject"), position__lt=OuterRef("position"))
    in_line = letters.filter(~Exists(earlier)) if ordered else letters
    if ordered and (ancestors := ancestors_of(claim.partition)):
        before = _of_target(claim).filter(partition__in=ancestors, state__in=DeadLetter.OPEN)
        in_line = in_line.filter(~Exists(before.filter(subject=OuterRef("subject"), position__isnull=False)))
    return in_line.filter(state__in=[State.RETRY, State.QUEUED]).order_by("position").first()


def places_due(group: str) -> set[tuple[str, int]]:
    """Return the targets and partitions in which a letter is marked to be retried, or queued."""
    waiting = DeadLetter.objects.filter(group=group, state__in=[State.RETRY, State.QUEUED])
    first = waiting.values("target", "partition").annotate(first=Min("position")).order_by()
    return set(first.values_list("target", "partition"))


def envelope_of(letter: DeadLetter) -> Envelope:
    """Return the letter's event from the log, with the edited payload if there is one.

    Raise LogEntry.DoesNotExist for a foreign entry, and for an event that was compacted away.
    """
    if letter.event_id is None:
        raise LogEntry.DoesNotExist("a foreign entry is not an event")
    envelope = log.read_event(letter.event_id)
    if letter.edited_data is None:
        return envelope
    edited = {"data": letter.edited_data, "schema_version": letter.edited_version}
    return msgspec.structs.replace(envelope, **edited)


def close(claim: Claim, letter: DeadLetter) -> None:
    """Close the letter as handled, in the transaction of the event's effects if they are in our database."""
    with atomic():
        checkpoint.hold(claim)
        DeadLetter.objects.filter(id=letter.id).update(state=State.HANDLED)
        note(letter, CONSUMER, "handled")


def fail(claim: Claim, letter: DeadLetter, error: Exception) -> None:
    """Park the letter again with its new error, unless it was discarded meanwhile."""
    with atomic():
        checkpoint.hold(claim)
        failed = _description(error)
        attempts = letter.attempts + 1
        still_open = DeadLetter.objects.filter(id=letter.id, state__in=DeadLetter.OPEN)
        still_open.update(state=State.PARKED, attempts=attempts, **failed)
        note(letter, CONSUMER, "failed", failed["error"])


def discard_all(group: str, partition: int, target: str) -> None:
    """Discard the open letters of a target that is gone: nothing can handle them any more."""
    gone = DeadLetter.objects.filter(group=group, partition=partition, target=target, state__in=DeadLetter.OPEN)
    for letter in gone.iterator():
        note(letter, CONSUMER, "discarded", "its target is gone")
    gone.update(state=State.DISCARDED)


def note(letter: DeadLetter, actor: str, action: str, detail: str = "") -> None:
    """Record an action on the letter, and who did it."""
    DeadLetterAction.objects.create(letter=letter, actor=actor, action=action, detail=detail)


def _of_target(claim: Claim) -> QuerySet[DeadLetter]:
    """Return the letters of the claim's target in all partitions."""
    return DeadLetter.objects.filter(group=claim.group, target=claim.target)


def _letters(claim: Claim) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(**claim.place)


def _keep(claim: Claim, envelope: Envelope, state: str, why: Mapping[str, object]) -> DeadLetter:
    letter, _ = DeadLetter.objects.update_or_create(
        group=claim.group,
        target=claim.target,
        event_id=envelope.id,
        defaults={
            "partition": claim.partition,
            "position": envelope.position,
            "entry_id": f"{envelope.position}-0",
            "type": envelope.type,
            "subject": envelope.subject,
            "state": state,
            "parked_at": timezone.now(),
            "edited_data": None,  # A closed letter that is opened again loses its old edit.
            "edited_version": None,
            **why,
        },
    )
    return letter


def _description(error: Exception) -> dict[str, str]:
    lines = "".join(traceback.format_exception(error))
    return {
        "error_type": type(error).__name__,
        "error": text_of(error),
        "traceback": lines[-LONGEST_TEXT:],
    }
