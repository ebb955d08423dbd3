"""The content of the admin's page of a dead letter."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest
from django.urls import reverse

from events.dead_letters.payload_text import compare, cut, pretty
from events.dead_letters.queries import queued_behind
from events.models import DeadLetter, DeadLetterAction, LogEntry
from events.models.dead_letters import WORDS
from events.texts.printable import printable
from events.texts.times import in_words

LONGEST_SHOWN = 50_000
LONGEST_LINE = 2_000
SHOWN_BEHIND = 50
SHOWN_ACTIONS = 100
LETTER_FACTS = (
    "state",
    "error_type",
    "error",
    "attempts",
    "parked_at",
    "group",
    "target",
    "partition",
    "position",
    "entry_id",
    "edited_version",
)
EVENT_FACTS = (
    "type",
    "subject",
    "aggregate_version",
    "event_id",
    "time",
    "actor",
    "correlation_id",
    "causation_id",
    "traceparent",
    "source",
    "extensions",
)
KINDS = {"+": "added", "-": "removed", ".": "left-out"}


class _Line(NamedTuple):
    """A line of a difference with its kind: `added`, `removed`, `left-out`, or "" for an unchanged line."""

    text: str
    kind: str


def may_see_payloads(request: HttpRequest) -> bool:
    """Tell whether the user may read the log: payloads and errors name persons as it does."""
    return request.user.has_perm("events.view_logentry")


def detail_context(letter: DeadLetter, request: HttpRequest) -> dict[str, Any]:
    """Return the context of the template; long texts are cut, and say so."""
    entry = LogEntry.objects.filter(event_id=letter.event_id).first() if letter.event_id else None
    behind, is_full = queued_behind(letter), may_see_payloads(request)
    return {
        "entry": entry,
        "letter_facts": list(facts(letter, [name for name in LETTER_FACTS if is_full or name != "error"])),
        "event_facts": list(facts(entry, [name for name in EVENT_FACTS if is_full or name != "extensions"])),
        "behind": behind[:SHOWN_BEHIND],
        "behind_count": behind.count(),
        "trail": list(_trail(letter, is_full=is_full)),
        "is_full": is_full,
        **(_contents(letter, entry) if is_full else {}),
    }


def _contents(letter: DeadLetter, entry: LogEntry | None) -> dict[str, Any]:
    return {
        "entry_url": reverse("admin:events_logentry_change", args=[entry.id]) if entry else "",
        "payload": shown(pretty(entry.data)) if entry else "",
        "is_lost": letter.event_id is not None and entry is None,
        "edited": shown(pretty(letter.edited_data)) if letter.edited_data else "",
        "difference": list(_difference(entry.data, letter.edited_data)) if entry and letter.edited_data else [],
        "foreign_fields": shown(pretty(msgspec.json.encode(letter.fields).decode())) if letter.fields else "",
        "traceback": shown(letter.traceback),
    }


def _trail(letter: DeadLetter, *, is_full: bool) -> Iterator[tuple[DeadLetterAction, str]]:
    for action in letter.actions.order_by("-id")[:SHOWN_ACTIONS]:
        yield action, printable(action.detail) if is_full else ""


def shown(text: str) -> str:
    return printable(cut(text, LONGEST_SHOWN))


def facts(row: DeadLetter | LogEntry | None, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the name of each field that has a value, with the value as a person reads it."""
    for name in names:
        value = getattr(row, name, None)
        if row and value not in (None, ""):
            yield str(getattr(row._meta.get_field(name), "verbose_name", name)), _in_words(name, value)


def _in_words(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return in_words(value)
    if name == "state":
        return WORDS[value]
    return shown(value) if isinstance(value, str) else value


def _difference(before: str, after: str) -> Iterator[_Line]:
    for line in compare(before, after):
        yield _Line(printable(cut(line, LONGEST_LINE)), KINDS.get(line[:1], ""))
