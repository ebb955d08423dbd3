"""What the database knows of events on their way into an index: which wait, which are handled, which never come."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from events.consistency_token import ConsistencyToken, Newest
from events.groups import checkpoint
from events.models import DeadLetter, LogEntry
from readmodel.conf import GROUP
from readmodel.exceptions import EventParked

MAX_LETTERS = 1_000


def are_handled(token: ConsistencyToken, target: str) -> bool:
    """Tell whether the target's checkpoints are where the log was; rows that were dropped since are handled."""
    placed = list(LogEntry.objects.filter(id__in=token.rows).values_list("partition", "position"))
    reached = checkpoint.positions(GROUP, target)
    return all(
        position is not None and reached.get(partition, 0) >= position
        for partition, position in (*token.positions, *placed)
    )


def refuse_if_parked(events: Sequence[Newest], target: str) -> None:
    """Raise EventParked if one of the events is, or was discarded: it is not worth waiting for."""
    named = reduce(or_, (Q(**_key(newest)) for newest in events))
    letters = _letters(target).filter(event_id__in=LogEntry.objects.filter(named).values("event_id"))
    _refuse(letters.exclude(state=DeadLetter.State.HANDLED).first())


def refuse_if_any_parked(correlation_ids: Collection[str], target: str) -> None:
    """Raise EventParked if an event of these units is an open dead letter."""
    # In two steps: no database may get the idea to look for the units first, for which there is no index.
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
