"""Ask the database about events on their way into an index: which ones are handled, and which ones are parked."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from events.consistency_token import ConsistencyToken, Newest
from events.groups import checkpoint
from events.log.partitions import all_partitions, origin_of
from events.models import DeadLetter, LogEntry, WaitingEntry
from readmodel.conf import GROUP
from readmodel.exceptions import EventParked

MAX_LETTERS = 1_000


def are_handled(token: ConsistencyToken, target: str) -> bool:
    """Tell whether the target's checkpoints have passed all rows of the token; rows compacted away are handled.

    If the log was repartitioned meanwhile, the token's rows do not tell where others of their unit of work are: the
    whole log must be handled then.
    """
    if _may_have_spread(token):
        return not WaitingEntry.objects.exists() and checkpoint.reached_the_end(GROUP, [target])
    placed = list(LogEntry.objects.filter(id__in=token.rows).values_list("place__partition", "place__position"))
    reached = checkpoint.positions(GROUP, target)
    return all(
        position is not None and reached.get(partition, 0) >= position
        for partition, position in (*token.positions, *placed)
    )


def _may_have_spread(token: ConsistencyToken) -> bool:
    """Tell whether the unit's rows may have got positions in other partitions than those that the token names."""
    if not token.rows:
        return False
    known = [origin_of(partition) for partition in all_partitions()]
    return set(token.partitions) != {len(known)} if token.partitions else any(known)


def are_all_handled(events: Sequence[Newest], target: str) -> bool:
    """Tell whether the target's checkpoints have passed these events; those compacted away are handled."""
    named = reduce(or_, (Q(**_key(newest)) for newest in events))
    placed = LogEntry.objects.filter(named).values_list("place__partition", "place__position")
    reached = checkpoint.positions(GROUP, target)
    return all(position is not None and reached.get(partition, 0) >= position for partition, position in placed)


def refuse_if_parked(events: Sequence[Newest], target: str) -> None:
    """Raise EventParked if one of the events is parked or discarded, so that waiting for it is useless."""
    named = reduce(or_, (Q(**_key(newest)) for newest in events))
    letters = _letters(target).filter(event_id__in=LogEntry.objects.filter(named).values("event_id"))
    _refuse(letters.exclude(state=DeadLetter.State.HANDLED).first())


def refuse_if_any_parked(correlation_ids: Collection[str], target: str) -> None:
    """Raise EventParked if an event with one of these correlation ids is an open dead letter."""
    # Two queries: in one, the database might search by correlation id first, which has no index.
    letters = list(_letters(target).filter(state__in=DeadLetter.OPEN, event_id__isnull=False)[:MAX_LETTERS])
    events = [letter.event_id for letter in letters if letter.event_id]
    ours = LogEntry.objects.filter(event_id__in=events, correlation_id__in=correlation_ids)
    first = ours.values_list("event_id", flat=True).first()
    _refuse(next((letter for letter in letters if letter.event_id == first), None))


def _key(newest: Newest) -> dict[str, str | int]:
    return {
        "aggregate_type": newest.aggregate_type,
        "subject": newest.subject,
        "aggregate_version": newest.version,
    }


def _letters(target: str) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(group=GROUP, target=target).only("event_id", "type", "subject", "state")


def _refuse(letter: DeadLetter | None) -> None:
    if letter:
        raise EventParked(f"{letter.type} of {letter.subject} is a dead letter, {letter.get_state_display()}")
