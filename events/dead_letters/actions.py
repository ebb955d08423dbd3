"""An operator's actions on dead letters: retry, edit and discard. Each is recorded.

A retry only marks a letter; the partition's owner executes it, in order (events/dead_letters/parking.py).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import batched
from typing import NamedTuple

import msgspec
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.database import atomic
from events.dead_letters import parking as dead_letters
from events.dead_letters.payload_edits import ROOT, EditRefused, accept
from events.dead_letters.payload_text import compare, cut
from events.envelope import Envelope
from events.exceptions import EventError
from events.models import Checkpoint, DeadLetter, DeadLetterAction, LogEntry

State = DeadLetter.State
Letters = QuerySet[DeadLetter] | Iterable[int]
STEP_LETTERS = 500
LONGEST_DETAIL = 5_000
CLOSED = {State.HANDLED: _("handled already"), State.DISCARDED: _("discarded already")}
STILL_TO_COME = _("not yet: their group is still before their events, and would handle them")
FOREIGN_ENTRY = _("foreign entries can only be discarded")
NOT_TO_BE_RETRIED = {
    State.QUEUED: _("queued, they follow by themselves"),
    State.RETRY: _("marked already"),
    **CLOSED,
}
NOT_TO_BE_EDITED = {
    State.QUEUED: _("it is queued, and may be handled at any moment: edit it when it is parked itself"),
    State.RETRY: _("it is marked to be retried, and may be handled at any moment: edit it when it is parked again"),
    State.HANDLED: _("it was handled already"),
    State.DISCARDED: _("it was discarded"),
}


class ReasonMissing(EventError):
    """Give a reason: the group will never handle what is discarded."""


class Outcome(msgspec.Struct):
    """How many letters were changed, and how many were skipped, by reason."""

    done: int = 0
    left_out: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def seen(self) -> int:
        return self.done + self.left_out.total()

    def sentence(self, done: str) -> str:
        """Return a sentence such as `marked: 3; left out: 2 (handled already: 2)`."""
        facts = {"done": done, "number": f"{self.done:,}"}
        if not self.left_out:
            return gettext("%(done)s: %(number)s") % facts
        facts["left_out"] = f"{self.left_out.total():,}"
        facts["reasons"] = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(self.left_out.items()))
        return gettext("%(done)s: %(number)s; left out: %(left_out)s (%(reasons)s)") % facts


class _Mark(NamedTuple):
    """The new state of letters, and the action that is recorded with it."""

    state: State
    actor: str
    detail: str = ""


def retry(letters: Letters, actor: str, *, on_step: Callable[[Outcome], None] = lambda _outcome: None) -> Outcome:
    """Mark parked letters for a retry by the owners of their partitions; skip all others.

    It works in steps of 500, each in its own transaction; `on_step` is called after each with the outcome so far.
    """
    return _mark_all(letters, _Mark(State.RETRY, actor), _why_not_retried, on_step)


def discard(
    letters: Letters, actor: str, *, reason: str, on_step: Callable[[Outcome], None] = lambda _outcome: None
) -> Outcome:
    """Discard open letters, in steps as `retry` does; letters that are queued behind them follow by themselves.

    A letter that is being handled right now ends as handled. One whose event is delivered again is left out: the group
    failed with an event behind it, or was set back, and finds an event that is to be left out only by its open letter.
    Raise ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing
    return _mark_all(letters, _Mark(State.DISCARDED, actor, reason.strip()), _why_not_discarded, on_step)


@atomic()
def edit(letter: DeadLetter, data: str, *, actor: str, retry: bool = False) -> None:
    """Replace the event's payload, for this group only; the log keeps the original.

    `data` has the event type's current schema version, and the same subject and aggregate version as before. Raise
    EditRefused, also for a letter that is not parked, and change nothing.
    """
    locked = DeadLetter.objects.select_for_update().get(id=letter.id)
    envelope = expect_editable(locked)
    edited = accept(envelope, data)
    state = State.RETRY if retry else State.PARKED
    rows = DeadLetter.objects.filter(id=locked.id)
    rows.update(edited_data=edited.data, edited_version=edited.version, state=state)
    changes = "\n".join(compare(envelope.data, edited.data))
    dead_letters.note(locked, actor, "edited", cut(changes, LONGEST_DETAIL))
    if retry:
        dead_letters.note(locked, actor, State.RETRY)


@atomic()
def delete(letters: QuerySet[DeadLetter], actor: str) -> None:
    """Delete letters whose target is gone. Their trail stays, and says which events they were about."""
    DeadLetterAction.objects.bulk_create(
        DeadLetterAction(letter=letter, actor=actor, action="deleted", detail=_identity_of(letter))
        for letter in letters.only("state", "group", "target", "event_id", "type", "subject", "entry_id")
    )
    letters.delete()


def _identity_of(letter: DeadLetter) -> str:
    event = f"event {letter.event_id}" if letter.event_id else "no event"
    return f"{letter}, target {letter.target or 'none'}, {event}"


def expect_editable(letter: DeadLetter) -> Envelope:
    """Return the letter's event with its current payload; raise EditRefused for a letter that is not parked."""
    if why := NOT_TO_BE_EDITED.get(State(letter.state), "") or (FOREIGN_ENTRY if letter.event_id is None else ""):
        raise EditRefused({ROOT: str(why)})
    try:
        return dead_letters.envelope_of(letter)
    except LogEntry.DoesNotExist as error:
        raise EditRefused({ROOT: str(error)}) from error


def _mark_all(
    letters: Letters, mark: _Mark, why_not: Callable[[DeadLetter], str], on_step: Callable[[Outcome], None]
) -> Outcome:
    # Fixed at the start: the operator has not seen letters that are parked meanwhile.
    ids = list(letters.values_list("id", flat=True)) if isinstance(letters, QuerySet) else list(letters)
    outcome = Outcome()
    for step in batched(sorted(set(ids)), STEP_LETTERS, strict=False):
        _mark(step, mark, why_not, outcome)
        on_step(outcome)
    return outcome


def _mark(ids: tuple[int, ...], mark: _Mark, why_not: Callable[[DeadLetter], str], outcome: Outcome) -> None:
    with atomic():
        rows = DeadLetter.objects.select_for_update().filter(id__in=ids).order_by("id")
        still_to_come = _still_to_come(ids) if mark.state == State.DISCARDED else set()
        reasons = {
            letter: why_not(letter) or (str(STILL_TO_COME) if letter.id in still_to_come else "")
            for letter in rows.only("id", "state", "event_id")
        }
        fit = [letter for letter, reason in reasons.items() if not reason]
        DeadLetter.objects.filter(id__in=[letter.id for letter in fit]).update(state=mark.state)
        action = "retry" if mark.state == State.RETRY else "discarded"
        DeadLetterAction.objects.bulk_create(
            DeadLetterAction(letter=letter, actor=mark.actor, action=action, detail=mark.detail) for letter in fit
        )
    outcome.done += len(fit)
    outcome.left_out.update(filter(None, reasons.values()))
    if unknown := len(ids) - len(reasons):
        outcome.left_out[gettext("not found")] += unknown


def _still_to_come(ids: tuple[int, ...]) -> set[int]:
    """Return the letters whose events are beyond the checkpoint."""
    place = {name: OuterRef(name) for name in ("group", "target", "partition")}
    before = Checkpoint.objects.filter(**place, position__lt=OuterRef("position"))
    return set(DeadLetter.objects.filter(Exists(before), id__in=ids).values_list("id", flat=True))


def _why_not_retried(letter: DeadLetter) -> str:
    return str(NOT_TO_BE_RETRIED.get(State(letter.state), "") or (FOREIGN_ENTRY if letter.event_id is None else ""))


def _why_not_discarded(letter: DeadLetter) -> str:
    return str(CLOSED.get(State(letter.state), ""))
