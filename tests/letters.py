"""Make dead letters for tests, as in production: by a group that refuses events."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from events import record, unit_of_work
from events.exceptions import Unprocessable
from events.models import DeadLetter, DeadLetterAction, LogEntry
from events.testing import run_until_idle
from tests.things import Recorder, ThingMade, ThingMoved

FIXED = '{"name": "a", "version": 1, "note": "mended"}'
"""A valid payload for the first event of the thing a."""


class Ordered(Recorder):
    ordered = True


def happen(*names: str, note: str = "") -> None:
    """Record an event with the next version for each of these things."""
    with unit_of_work():
        for name in names:
            version = LogEntry.objects.filter(subject=name).count() + 1
            made = ThingMade if version == 1 else ThingMoved
            record(made(name=name, version=version, note=note))


def park(*names: str, subscriber: Recorder | None = None, error: str = "no", note: str = "") -> Recorder:
    """Record events of these things, let an ordered group park them, and return its subscriber.

    From then on the subscriber accepts all events.
    """
    happen(*names, note=note)
    recorder = subscriber or Ordered()
    recorder.refuses = dict.fromkeys(names, Unprocessable(error))
    run_until_idle("things", recorder)
    recorder.refuses = {}
    return recorder


def foreign() -> DeadLetter:
    return DeadLetter.objects.create(
        group="things", partition=0, entry_id="9-0", fields={"what": "<b>"}, error_type="ForeignEntry", error="foreign"
    )


def letter(position: int = 1) -> DeadLetter:
    return DeadLetter.objects.get(position=position)


def states() -> list[str]:
    return list(DeadLetter.objects.order_by("position").values_list("state", flat=True))


def trail(position: int = 1) -> list[tuple[str, str, str]]:
    """Return the actions on a letter, each as action, actor and detail."""
    actions = DeadLetterAction.objects.filter(letter__position=position)
    return list(actions.values_list("action", "actor", "detail"))


def rows() -> list[Any]:
    """Return all rows that an action could change."""
    return [list(model.objects.order_by("id").values()) for model in (DeadLetter, DeadLetterAction, LogEntry)]


def run(*arguments: object) -> str:
    """Run the command dead_letters, and return its output."""
    out = StringIO()
    call_command("dead_letters", *map(str, arguments), stdout=out)
    return out.getvalue()


def answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Type these answers at the terminal, and then end the input."""
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{answer}\n" for answer in answers)))
