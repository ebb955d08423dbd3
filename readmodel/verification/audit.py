"""Compare all kept indices with the log continuously, some documents each second, and repair differences.

Only the process that owns the partition of a document's id audits the document.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from events.exceptions import RetryLater
from events.log.partitions import partition_of
from events.processes.throttled_log import ThrottledLog
from readmodel.conf import conf
from readmodel.index.documents import Documents
from readmodel.index.notes import Target
from readmodel.measurements import AUDITED
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Difference
from readmodel.verification.repair import repair


class _Walk(ABC):
    """Pages through ids, and begins again at the end.

    The methods raise the errors of Documents, and may be called again after an error.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @abstractmethod
    def page(self, limit: int) -> Sequence[str]:
        """Return the next ids; fewer than the limit on the last page."""

    @abstractmethod
    def advance(self) -> None:
        """Move on to the next page; without this call, page() returns the same page again."""

    @abstractmethod
    def look(self, ids: Sequence[str]) -> list[Difference]:
        """Compare these documents with the log."""


class _WalkOverLog(_Walk):
    """Finds documents that are missing, stale, altered or lifted."""

    _after = ""
    _last = ""

    def page(self, limit: int) -> Sequence[str]:
        ids = self.comparison.events.keys_after(self._after, limit)
        self._last = ids[-1] if len(ids) == limit else ""
        return ids

    def advance(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.differences(ids)


class _WalkOverDocuments(_Walk):
    """Finds ghosts."""

    _after: Sequence[Any] = ()
    _last: Sequence[Any] = ()

    def page(self, limit: int) -> Sequence[str]:
        page = self.comparison.documents.page(self._after, limit)
        self._last = page.end if len(page.ids) == limit else ()
        return page.ids

    def advance(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.ghosts(ids)


logger = logging.getLogger(__name__)

PAUSES_SECONDS = (0.0, 0.3)
"""Pauses before attempts to repair. They are short; the next round tries again."""
PAGES = 4
PAGE = 50
"""The documents of a second are compared in so many parts, unless these would be smaller than a page: a thread that
computes keeps the others waiting, also those with events."""
PAUSE_SECONDS = 0.15
"""The pause between two pages while events arrive, in which events have the processor for themselves."""
TIMES_AT_REST = 5
LONGEST_SECONDS = 0.1
"""No further page is begun after this time at rest, which bounds how long this keeps a processor busy."""
LATE_SECONDS = 0.2

type Pause = Callable[[float], bool]
"""Waits so many seconds, and tells whether to end at once."""


class Audit:
    """Repeats a round without end: through each index, over the ids in the log and over the documents."""

    def __init__(self, kept: Iterable[Documents], *, pause: Pause) -> None:
        """Leave out indices that another version of the projection made: they have to be rebuilt."""
        self._pause = pause
        comparisons = [Comparison(documents) for documents in kept if documents.are_of_this_projection]
        self._walks: deque[_Walk] = deque(
            walk(comparison) for comparison in comparisons for walk in (_WalkOverLog, _WalkOverDocuments)
        )
        self._due_at = 0.0
        self._log = ThrottledLog(logger)

    def step(self, partitions: Collection[int], *, is_at_rest: Callable[[], bool] = lambda: False) -> None:
        """Audit the next documents, once a second even if called more often; raise TargetLost if an index is gone.

        Their number is READMODEL_AUDIT_PER_SECOND, or up to TIMES_AT_REST times that while the consumer is at rest.
        """
        limit = conf.audit_per_second
        now = time.monotonic()
        if not (limit and partitions) or now < self._due_at:
            return
        self._due_at = max(self._due_at, now - LATE_SECONDS) + 1  # Once a second on average, even if calls are late.
        page = max(PAGE, -(-limit // PAGES))
        left, more, ended = limit, limit * (TIMES_AT_REST - 1), 0
        is_quiet = is_at_rest()
        # One round at most, so that few documents are not compared twice.
        while left and ended < len(self._walks):
            size = min(2 * page if is_quiet else page, left)  # A larger page costs less for each document.
            taken = self._take(self._walks[0], partitions, size)
            left -= taken
            if taken < size:
                self._walks.rotate(-1)
                ended += 1
            if not left:
                left, more = more, 0
            is_quiet = is_at_rest() and time.monotonic() < now + LONGEST_SECONDS
            if not (more or is_quiet) or self._pause(0.0 if is_quiet else PAUSE_SECONDS):
                return

    def _take(self, walk: _Walk, partitions: Collection[int], limit: int) -> int:
        """Audit the next page of a walk, and return its number of documents."""
        try:
            page = walk.page(limit)
            self._repair(walk, [key for key in page if partition_of(key) in partitions])
        except RetryLater as error:
            # The consumer must continue; this page is audited again later.
            self._log.error(f"the audit of {walk.comparison.documents.target.name} will continue later: {error}")
            return 0
        walk.advance()
        AUDITED.add(len(page), walk.comparison.documents.projection.name)
        return len(page)

    def _repair(self, walk: _Walk, ids: Sequence[str]) -> None:
        documents = walk.comparison.documents
        for difference in repair(documents, walk.look(ids), look=walk.look, pauses_seconds=PAUSES_SECONDS):
            if difference.repaired:
                _log_repair(difference, documents.target)
            else:
                self._log.error("the audit found documents that it can't repair: run manage.py verify_readmodel")


def _log_repair(difference: Difference, target: Target) -> None:
    """Log the names of the altered fields, but not their values, which may be personal data."""
    logger.warning(
        "the audit of %s has repaired document %s, which was %s: version %s in the log, %s in the index%s",
        target.name,
        difference.id,
        difference.kind,
        difference.log_version,
        difference.index_version,
        f"; altered fields: {', '.join(difference.fields)}" if difference.fields else "",
    )
