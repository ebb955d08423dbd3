"""The content of the admin's page of an event."""

from typing import Any

from django.db.models import QuerySet

from events.admin.dead_letter_detail import EVENT_FACTS, facts, shown
from events.dead_letters.payload_text import pretty
from events.models import DeadLetter, LogEntry

SHOWN_RELATED = 50
NEAR = 50_000
"""Events of one correlation, and consequences, are recorded at about the same time: others are not looked for, as the
log has no index by them."""


def detail_context(entry: LogEntry) -> dict[str, Any]:
    """Return the context of the template."""
    near = LogEntry.objects.filter(id__gt=entry.id - NEAR, id__lt=entry.id + NEAR).order_by("id")
    near = near.defer("data", "extensions")
    cause = LogEntry.objects.filter(event_id=entry.causation_id).first() if entry.causation_id else None
    return {
        "position": entry.position,
        "event_facts": list(facts(entry, EVENT_FACTS)),
        "payload": shown(pretty(entry.data)),
        "cause": cause,
        "is_cause_lost": bool(entry.causation_id) and cause is None,
        "neighbours": list(_neighbours(entry)),
        "consequences": list(near.filter(causation_id=str(entry.event_id))[:SHOWN_RELATED]),
        "correlated": list(near.filter(correlation_id=entry.correlation_id).exclude(id=entry.id)[:SHOWN_RELATED]),
        "letters": list(DeadLetter.objects.filter(event_id=entry.event_id).order_by("id").only("group", "state")),
    }


def _neighbours(entry: LogEntry) -> QuerySet[LogEntry]:
    """Return the events of the same aggregate just before and after this one."""
    versions = [entry.aggregate_version - 1, entry.aggregate_version + 1]
    about = LogEntry.objects.filter(aggregate_type=entry.aggregate_type, subject=entry.subject)
    return about.filter(aggregate_version__in=versions).order_by("aggregate_version").defer("data")
