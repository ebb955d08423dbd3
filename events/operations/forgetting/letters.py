"""Remove a person from texts of failures, such as dead letters with their edits, and from the admin's history."""

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any

import msgspec
from django.apps import apps
from django.db.models import Model, QuerySet

from events.models import DeadLetter, DeadLetterAction, Member
from events.operations.forgetting.columns import rows_with
from events.personal_data import Person, redacted_data, redacted_json

TEXTS: Mapping[type[Model], Collection[str]] = {
    DeadLetter: ("error_type", "error", "traceback", "edited_data", "fields", "subject"),
    DeadLetterAction: ("actor", "detail"),
    Member: ("error",),
}


def redact_texts(person: Person, *, names: bool) -> int:
    """Remove the person from all texts of failures and of the admin's history; return how many rows had it."""
    texts = [person.identity, *(person.names if names else ())]
    found = (rows_with(model._base_manager.all(), columns, texts).iterator() for model, columns in _tables().items())
    return sum(_redact(row, person, names=names) for row in chain.from_iterable(found))


def redact_letters(letters: QuerySet[DeadLetter], person: Person, *, names: bool) -> None:
    """Remove the person from these letters and from their trails."""
    actions = DeadLetterAction.objects.filter(letter__in=letters.values("id"))
    for row in (*letters, *actions):
        _redact(row, person, names=names)


def _tables() -> Mapping[type[Model], Collection[str]]:
    if not apps.is_installed("django.contrib.admin"):
        return TEXTS
    return {**TEXTS, apps.get_model("admin", "LogEntry"): ("object_repr", "change_message")}


def _redact(row: Any, person: Person, *, names: bool) -> bool:
    """Remove the person from the texts of a row, and save what has changed; tell whether it had anything."""
    texts = {column: getattr(row, column) for column in _tables()[type(row)]}
    after = {column: _without(row, column, person, names=names) for column in texts if texts[column]}
    changed = {column: value for column, value in after.items() if value != texts[column]}
    if "edited_data" in changed:
        changed["edited_data"], changed["edited_version"] = _edit_without(row, person, names=names)
    if changed:
        type(row)._base_manager.filter(pk=row.pk).update(**changed)
    return bool(changed)


def _without(row: Any, column: str, person: Person, *, names: bool) -> Any:
    value = getattr(row, column)
    if column == "edited_data":
        return _edit_without(row, person, names=names)[0]
    if isinstance(value, str):
        return person.removed_from(value, names=names)
    return msgspec.json.decode(redacted_json(msgspec.json.encode(value).decode(), person))


def _edit_without(letter: DeadLetter, person: Person, *, names: bool) -> tuple[str, int]:
    """Return the edited payload without the person, and its schema version."""
    edit, version = letter.edited_data or "", letter.edited_version or 0
    return redacted_data(letter.type, version, edit, person=person, names=names)
