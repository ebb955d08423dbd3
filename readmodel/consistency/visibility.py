"""Wait until searches in an index see what a consistency token names."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from events.consistency_token import ConsistencyToken, Newest
from events.processes.pooled_sessions import release_sessions
from readmodel.consistency.progress import are_all_handled, are_handled, refuse_if_any_parked, refuse_if_parked
from readmodel.consistency.refreshes import Refreshes
from readmodel.exceptions import EventParked, StateNotReached
from readmodel.index.documents import Documents
from readmodel.measurements import CONSISTENT_READS, CONSISTENT_SECONDS
from readmodel.projection import VERSION_STEP

SHORTEST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.1
MAX_REMEMBERED = 10_000
NEVER = -math.inf


class _Sight(NamedTuple):
    """The result of looking up the documents of events."""

    late: Sequence[Newest]
    """The events whose documents are missing or too old."""
    since: float
    """The time, by the monotonic clock, by which all other documents had been seen."""


class Visibility:
    """Knows which documents of one index this process has seen, and whether searches see them."""

    def __init__(self, documents: Documents) -> None:
        self.target = documents.target
        self._documents = documents
        self._refreshes = Refreshes(documents.refresh)
        self._seen: dict[str, tuple[int, float]] = {}

    def wait(self, token: ConsistencyToken, deadline: float, *, is_replicated: bool) -> None:
        """Return as soon as searches see what the token names; raise StateNotReached or EventParked.

        In a replicated index a document that was seen on one copy may be on its way to the others, so that their
        refresh would come too early. It is in all of them once the write was answered, after which the consumer moves
        its checkpoint.
        """
        result = "late"
        try:
            with CONSISTENT_SECONDS.timed():
                self._wait(token, deadline, is_replicated=is_replicated)
            result = "seen"
        except EventParked:
            result = "parked"
            raise
        finally:
            CONSISTENT_READS.add(1, result)

    def _wait(self, token: ConsistencyToken, deadline: float, *, is_replicated: bool) -> None:
        documents = self._wait_for_documents(token, deadline, is_replicated=is_replicated)
        since = max(documents, self._wait_for_log(token, deadline))
        if since == NEVER:
            return  # The token names nothing that belongs into this index.
        try:
            self._refreshes.wait(since, timeout_seconds=max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise StateNotReached("Elasticsearch did not refresh the index in time") from error

    def _wait_for_documents(self, token: ConsistencyToken, deadline: float, *, is_replicated: bool) -> float:
        handled = self._documents.projection.event_names
        events = [newest for newest in token.events if newest.type in handled]
        if not events:
            return NEVER
        for has_waited_long in attempts(deadline):
            sight = self._look_at(events, is_replicated=is_replicated)
            if not sight.late:
                return sight.since
            if has_waited_long:
                refuse_if_parked(sight.late, self.target.uuid)
        raise StateNotReached(f"{self.target.name} lacks {len(sight.late)} of {len(events)} events")

    def _wait_for_log(self, token: ConsistencyToken, deadline: float) -> float:
        if not token.correlation_ids:
            return NEVER
        for _ in attempts(deadline):
            if are_handled(token, self.target.uuid):
                refuse_if_any_parked(token.correlation_ids, self.target.uuid)
                return time.monotonic()
        raise StateNotReached(f"{self.target.name} has not handled all events that the write recorded")

    def _look_at(self, events: Sequence[Newest], *, is_replicated: bool) -> _Sight:
        found = self._documents.versions(sorted({newest.subject for newest in events}))
        late, new, since = [], [], NEVER
        for newest in events:
            if found.get(newest.subject, 0) < newest.version * VERSION_STEP:
                late.append(newest)
            elif (seen_at := self._seen_at(newest)) is None:
                new.append(newest)
            else:
                since = max(since, seen_at)
        if new and is_replicated and not are_all_handled(new, self.target.uuid):
            return _Sight([*late, *new], NEVER)
        now = time.monotonic()
        for newest in new:
            # Of a newer version than the event's it is only known that one copy has it.
            self._remember(newest, newest.version * VERSION_STEP if is_replicated else found[newest.subject], now)
        return _Sight(late, now if new else since)

    def _seen_at(self, newest: Newest) -> float | None:
        """Return when all copies were known to have this version or a newer one, None if that is not known."""
        known, at = self._seen.get(newest.subject, (0, NEVER))
        return at if known >= newest.version * VERSION_STEP else None

    def _remember(self, newest: Newest, version: int, now: float) -> None:
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()  # A forgotten document costs one needless refresh.
        self._seen[newest.subject] = (version, now)


def attempts(deadline: float) -> Iterator[bool]:
    """Yield for each attempt until the deadline, with growing pauses between them.

    Yield True once the pauses are at their longest, or for the last attempt: then it is worth asking the database
    whether an event is parked. Most documents arrive sooner.
    """
    pause = SHORTEST_PAUSE_SECONDS
    while True:
        is_last = time.monotonic() + pause > deadline
        yield is_last or pause == LONGEST_PAUSE_SECONDS
        if is_last:
            return
        release_sessions()
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
