"""Queries of dead letters for the command line and the admin."""

from datetime import datetime
from typing import TypedDict

from django.db.models import Count, Max, Min, Q, QuerySet

from events.log.partitions import descendants_of
from events.models import DeadLetter

LONG_COLUMNS = ("traceback", "edited_data", "fields")
"""Columns that lists do not load: one page of them could take 100 MB."""


class ErrorCount(TypedDict):
    """How many events of a type a group failed to handle with the same type of error."""

    group: str
    type: str
    error_type: str
    letters: int
    oldest: datetime
    newest: datetime


def open_letters() -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(state__in=DeadLetter.OPEN)


def by_error(letters: QuerySet[DeadLetter]) -> list[ErrorCount]:
    """Count the letters by group, event and type of error, the most frequent first."""
    groups = letters.order_by().values("group", "type", "error_type")
    counted = groups.annotate(letters=Count("id"), oldest=Min("parked_at"), newest=Max("parked_at"))
    return [ErrorCount(**row) for row in counted.order_by("-letters", "group", "type", "error_type")]


def queued_behind(letter: DeadLetter) -> QuerySet[DeadLetter]:
    """Return the letters that wait until this open one is closed, in order."""
    if letter.position is None or letter.state not in DeadLetter.OPEN:
        return DeadLetter.objects.none()
    place = {"group": letter.group, "target": letter.target, "subject": letter.subject}
    is_later = Q(partition=letter.partition, position__gt=letter.position)
    is_later |= Q(partition__in=descendants_of(letter.partition))
    waiting = DeadLetter.objects.filter(is_later, **place, state=DeadLetter.State.QUEUED)
    return waiting.order_by("partition", "position")
