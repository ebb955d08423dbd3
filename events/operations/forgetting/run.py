"""Forget a person, step by step. It may be killed at any moment: the same call goes on where it was.

1. The person's hash is written to the list (events/forgotten.py).
2. The texts of failures (letters.py) and the aggregates are redacted, some at a time (redaction.py).
3. Processes that read the former events are fenced off, and the texts that they have left are redacted.
4. The stream is deleted and filled again (stream.py), and the groups rewrite what they have written.
5. Everything is searched anew, for what was recorded meanwhile.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import batched
from typing import NamedTuple

import msgspec
from django.db import Error
from django.utils.translation import gettext

from events import forgotten
from events.conf import conf
from events.envelope import Envelope
from events.exceptions import EventError, RetryLater, StreamUnavailable, TargetLost
from events.log.reading import ENVELOPE_COLUMNS
from events.models import Forgetting, LogEntry
from events.operations.forgetting.find import AGGREGATES_AT_ONCE, Batch, batches
from events.operations.forgetting.letters import redact_texts
from events.operations.forgetting.redaction import Redacted, redact
from events.operations.forgetting.stream import expect_own, fence, refill
from events.personal_data import Person
from events.recording.collector import Collector, collecting
from events.stream.interface import Stream
from events.subscriber import Subscriber, load_subscriber
from events.texts.spellings import normal
from events.transient import is_transient

logger = logging.getLogger(__name__)

ACTOR = "forget_person"
ROUNDS = 5
ATTEMPTS = 5
EVENTS_AT_ONCE = 500


class Progress(NamedTuple):
    """How far a step has come; `total` is 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0


class Outcome(msgspec.Struct):
    """What was redacted, and what could not be reached: there, the same call has to be repeated."""

    aggregates: int = 0
    events: int = 0
    texts: int = 0
    problems: list[str] = []


type OnStep = Callable[[Progress], None]


def forget(
    person: Person,
    stream: Stream,
    *,
    names: bool = False,
    forgetting: Forgetting | None = None,
    on_step: OnStep = lambda _: None,
) -> Outcome:
    """Redact the person everywhere; safe to repeat, also by several processes at once.

    `person.names` are removed from free texts about the person, and with `names` from those about others. `forgetting`
    is one of the list, to be done again. Raise Diverged, UnknownSigningKey, UnknownEventVersion, ListDamaged or
    ImproperlyConfigured before or between two steps.
    """
    with suppress(StreamUnavailable):
        expect_own(stream)  # Before anything is changed.
    forgetting = forgetting or forgotten.begin(normal(person.identity))
    outcome = Outcome()
    with collecting(Collector(correlation_id=str(forgetting.id), actor=lambda: ACTOR)) as collector:
        for number in range(ROUNDS):
            outcome.texts += redact_texts(person, names=names)  # Before the rows and events that tell the names.
            is_new = _redact_all(person, outcome, names=names, on_step=on_step)
            if number and not is_new:
                break
            collector.unflushed.clear()  # The stream is filled from the log.
            outcome.texts += _settle(person, stream, outcome, names=names)
            _rewrite_targets(person, forgetting, outcome, on_step)
    if not outcome.problems:
        forgotten.finish(forgetting)
    logger.info("%s %s: %d events of %d aggregates", forgetting, _state(outcome), outcome.events, outcome.aggregates)
    return outcome


def _state(outcome: Outcome) -> str:
    return "is not finished" if outcome.problems else "is finished"


def _redact_all(person: Person, outcome: Outcome, *, names: bool, on_step: OnStep) -> bool:
    """Redact the aggregates; tell whether any had the person."""
    before = outcome.aggregates
    for batch in batches(person, names=names):
        redacted = _repeated(batch, person)
        outcome.aggregates += redacted.aggregates
        outcome.events += redacted.events
        on_step(Progress("the log", batch.done, batch.total))
    return outcome.aggregates > before


def _repeated(batch: Batch, person: Person) -> Redacted:
    """Redact a batch; repeat it after a deadlock or a lost race."""
    for _ in range(ATTEMPTS - 1):
        try:
            return redact(batch, person)
        except (Error, EventError) as error:
            if not is_transient(error):
                raise
    return redact(batch, person)


def _settle(person: Person, stream: Stream, outcome: Outcome, *, names: bool) -> int:
    """Let what was read before have no effect any more; return how many texts of failures had the person."""
    fence()
    texts = redact_texts(person, names=names)
    try:
        refill(stream)
    except StreamUnavailable as error:
        _note(outcome, gettext("the stream was not deleted: %(error)s") % {"error": error})
    return texts


def _rewrite_targets(person: Person, forgetting: Forgetting, outcome: Outcome, on_step: OnStep) -> None:
    for group in sorted(conf.subscribers):
        try:
            with closing(load_subscriber(group)) as subscriber:
                _rewrite_target(group, subscriber, person, forgetting, on_step)
        except (RetryLater, TargetLost) as error:
            _note(
                outcome,
                gettext("what %(group)s has written was not redacted: %(error)s") % {"group": group, "error": error},
            )


def _rewrite_target(
    group: str, subscriber: Subscriber, person: Person, forgetting: Forgetting, on_step: OnStep
) -> None:
    done = 0
    for envelopes in _redacted_events(forgetting):
        subscriber.rewrite(envelopes)
        done += len(envelopes)
        on_step(Progress(f"what {group} has written", done))
    subscriber.redact(person)


def _redacted_events(forgetting: Forgetting) -> Iterator[list[Envelope]]:
    """Yield all events of the aggregates of which an event tells that they were redacted, some at a time."""
    tells = LogEntry.objects.filter(correlation_id=str(forgetting.id)).order_by("id")
    for batch in batched(tells.values_list("aggregate_type", "subject").iterator(), AGGREGATES_AT_ONCE, strict=False):
        for aggregate_type in {name for name, _ in batch}:
            subjects = {subject for name, subject in batch if name == aggregate_type}
            events = LogEntry.objects.filter(aggregate_type=aggregate_type, subject__in=subjects).order_by("id")
            rows = events.values_list(*ENVELOPE_COLUMNS).iterator(chunk_size=EVENTS_AT_ONCE)
            for page in batched(rows, EVENTS_AT_ONCE, strict=False):
                yield [Envelope(**dict(zip(ENVELOPE_COLUMNS.values(), row, strict=True))) for row in page]


def _note(outcome: Outcome, problem: str) -> None:
    if problem not in outcome.problems:
        outcome.problems.append(problem)
