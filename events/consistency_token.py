"""Consistency tokens: they name the state of the log after a unit of work, for readers that must not see an older one.

A token is signed text, which any process with the same SECRET_KEY can read. It names the newest event of each type and
aggregate; if those are too many, how far the log was in the unit's partitions, which is a little more than needed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.core.signing import BadSignature, Signer
from django.db.models import F, Max

from events.event import aggregate_type_of
from events.exceptions import EventError
from events.log.partitions import descendants_of, look_for_partitions, partition_count
from events.models import LogEntry, Partition, WaitingEntry
from events.recording.collector import Collector

HEADER = "Consistency-Token"
FORMAT = "1"
SEPARATOR = "~"
MAX_NAMED = 100
MAX_LENGTH = 4_000
MAX_LENGTH_OF_SEVERAL = 8_000


class InvalidToken(EventError):
    """This is not a consistency token of this service: leave it out, or send that of a newer response."""


class Newest(NamedTuple):
    """The newest event of its type that was recorded for an aggregate."""

    type: str
    subject: str
    version: int

    @property
    def aggregate_type(self) -> str:
        return aggregate_type_of(self.type)


class ConsistencyToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The events that a reader must have seen. Several tokens are merged into one with all of their entries."""

    events: tuple[Newest, ...] = ()
    positions: tuple[tuple[int, int], ...] = ()
    """Partitions with the position that each had reached."""
    rows: tuple[int, ...] = ()
    """For the other partitions: the last row that had no position yet."""
    partitions: tuple[int, ...] = ()
    """How many partitions the log had, if there are rows: they may get their positions in others since."""
    correlation_ids: tuple[str, ...] = ()
    """The units of work whose events are not named one by one."""


def token_of(collector: Collector) -> str:
    """Return the token of what the unit of work has committed so far, "" for nothing; usually with one query."""
    recorded = collector.recorded
    if not recorded:
        return ""
    if recorded.has_all:
        newest = _newest_of(recorded.event_ids)
        text = sign_token(ConsistencyToken(events=newest)) if newest else ""
        if len(newest) <= MAX_NAMED and len(text) <= MAX_LENGTH:
            return text
    return sign_token(_state_of_the_log(recorded.partitions, (collector.correlation_id,)))


def token_naming(events: Sequence[Newest]) -> str:
    """Return the token of events that were committed earlier, each of another aggregate."""
    text = sign_token(ConsistencyToken(events=tuple(events)))
    if len(events) <= MAX_NAMED and len(text) <= MAX_LENGTH:
        return text
    return sign_token(_state_of_the_log(Partition.objects.values_list("number", flat=True)))


def sign_token(token: ConsistencyToken) -> str:
    return f"{FORMAT}{SEPARATOR}{_signer().sign_object(msgspec.to_builtins(token), compress=True)}"


def read_token(text: str) -> ConsistencyToken:
    """Read a token, or several separated by commas; raise InvalidToken.

    The signature is checked first, so a forged token costs little.
    """
    if len(text) > MAX_LENGTH_OF_SEVERAL or not text.isascii():
        raise InvalidToken(f"Consistency tokens are ASCII, with at most {MAX_LENGTH_OF_SEVERAL:,} characters in all.")
    tokens = [_read_one(part.strip()) for part in text.split(",")]
    return ConsistencyToken(
        events=tuple(newest for token in tokens for newest in token.events),
        positions=tuple(reached for token in tokens for reached in token.positions),
        rows=tuple(row for token in tokens for row in token.rows),
        partitions=tuple({count for token in tokens for count in token.partitions}),
        correlation_ids=tuple(correlation_id for token in tokens for correlation_id in token.correlation_ids),
    )


def _read_one(text: str) -> ConsistencyToken:
    token_format, _, signed = text.partition(SEPARATOR)
    if token_format != FORMAT:
        raise InvalidToken
    try:
        return msgspec.convert(_signer().unsign_object(signed), ConsistencyToken)
    except (BadSignature, msgspec.ValidationError) as error:
        raise InvalidToken from error


def _signer() -> Signer:
    return Signer(salt=f"events.consistency_token.{FORMAT}", sep=SEPARATOR)


def _newest_of(event_ids: Iterable[UUID]) -> tuple[Newest, ...]:
    """Return the events that the log has: a rollback, even of a savepoint, may have taken some of them back."""
    kept = LogEntry.objects.filter(event_id__in=event_ids).order_by().values_list("type", "subject")
    return tuple(Newest(*row) for row in kept.annotate(Max("aggregate_version")))


def _state_of_the_log(partitions: Iterable[int], correlation_ids: tuple[str, ...] = ()) -> ConsistencyToken:
    """Return a token up to the positions that all events committed by now have or will get.

    Rows without a position are read first: rows that get one meanwhile are below `last_position`, which is read later.
    """
    look_for_partitions()
    count, family = partition_count(), {number for partition in partitions for number in _family(partition)}
    waiting = WaitingEntry.objects.annotate(home=F("slot") % count).filter(home__in=family).values_list("home")
    rows = dict(waiting.annotate(Max("entry_id")))
    reached = Partition.objects.filter(number__in=family - rows.keys())
    return ConsistencyToken(
        positions=tuple(reached.values_list("number", "last_position")),
        rows=tuple(rows.values()),
        partitions=(count,) if rows else (),
        correlation_ids=correlation_ids,
    )


def _family(partition: int) -> list[int]:
    """Return where events may be that were recorded for the partition, by who knew of no younger ones."""
    return [partition, *descendants_of(partition)]
