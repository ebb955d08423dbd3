"""Name the state of the log that a unit of work has left, for those who must not be shown an older one.

A token is text, signed, and of use to any process that has the same SECRET_KEY. It names the newest event of each type
and aggregate; if those are too many, how far the log was in the unit's partitions, which is a little more than needed.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.core.signing import BadSignature, Signer
from django.db.models import Max

from events.event import aggregate_type_of
from events.exceptions import EventError
from events.models import LogEntry, Partition
from events.recording.collector import Collector

HEADER = "Consistency-Token"
FORMAT = "1"
SEPARATOR = "~"
MAX_NAMED = 100
MAX_LENGTH = 4_000
MAX_LENGTH_OF_SEVERAL = 8_000


class InvalidToken(EventError):
    """This is no consistency token of this service: leave it out, or take that of a newer response."""


class Newest(NamedTuple):
    """The newest event of its type that was recorded for an aggregate."""

    type: str
    subject: str
    version: int

    @property
    def aggregate_type(self) -> str:
        return aggregate_type_of(self.type)


class ConsistencyToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader must have seen; several are one, with all of their entries."""

    events: tuple[Newest, ...] = ()
    positions: tuple[tuple[int, int], ...] = ()
    """Partitions, and the position that each had reached."""
    rows: tuple[int, ...] = ()
    """In place of it, the last row that was still to get a position."""
    correlation_ids: tuple[str, ...] = ()
    """Of the units whose events are not named one by one."""


def token_of(collector: Collector) -> str:
    """Return the token of what the unit of work has committed so far, "" if that is nothing; it costs one query."""
    recorded = collector.recorded
    if not recorded:
        return ""
    if recorded.has_all:
        newest = _newest_of(recorded.event_ids)
        text = sign_token(ConsistencyToken(events=newest)) if newest else ""
        if len(newest) <= MAX_NAMED and len(text) <= MAX_LENGTH:
            return text
    return sign_token(_state_of_the_log(recorded.partitions, collector.correlation_id))


def sign_token(token: ConsistencyToken) -> str:
    return f"{FORMAT}{SEPARATOR}{_signer().sign_object(msgspec.to_builtins(token), compress=True)}"


def read_token(text: str) -> ConsistencyToken:
    """Return what a token, or several separated by commas, name; raise InvalidToken.

    What is not of this service costs no more than a look at its signature.
    """
    if len(text) > MAX_LENGTH_OF_SEVERAL or not text.isascii():
        raise InvalidToken(f"Tokens have at most {MAX_LENGTH_OF_SEVERAL:,} characters in all, of ASCII.")
    tokens = [_read_one(part.strip()) for part in text.split(",")]
    return ConsistencyToken(
        events=tuple(newest for token in tokens for newest in token.events),
        positions=tuple(reached for token in tokens for reached in token.positions),
        rows=tuple(row for token in tokens for row in token.rows),
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
    """Return what the log has of the events: a rollback, of a savepoint too, may have taken some of them back."""
    kept = LogEntry.objects.filter(event_id__in=event_ids).order_by().values_list("type", "subject")
    return tuple(Newest(*row) for row in kept.annotate(Max("aggregate_version")))


def _state_of_the_log(partitions: Iterable[int], correlation_id: str) -> ConsistencyToken:
    """Return up to where all that is committed now has, or will have, its positions.

    First the rows without one, in the order in which they will get them: what has one by then is below `last_position`.
    """
    waiting = LogEntry.objects.filter(partition__in=partitions, position=None).order_by().values_list("partition")
    rows = dict(waiting.annotate(Max("id")))
    reached = Partition.objects.filter(number__in=set(partitions) - rows.keys())
    return ConsistencyToken(
        positions=tuple(reached.values_list("number", "last_position")),
        rows=tuple(rows.values()),
        correlation_ids=(correlation_id,),
    )
