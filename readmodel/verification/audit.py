"""Compare all kept indices with the log all the time, a little each second, and repair what differs.

Each document is audited by the process that owns the partition which its id falls to, and by nobody else.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from events.exceptions import RetryLater
from events.log.partitions import partition_of
from events.processes.throttled_log import ThrottledLog
from readmodel.conf import conf
from readmodel.index.aliases import Target
from readmodel.index.documents import Documents
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Difference
from readmodel.verification.repair import repair


class Walk(ABC):
    """Begins anew after its end, for ever. Its methods raise as those of Documents do, and may be called again then."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @abstractmethod
    def page(self, limit: int) -> Sequence[str]:
        """Return the next ids; fewer than the limit at the end."""

    @abstractmethod
    def go_on(self) -> None:
        """Let the next page be that after the last one."""

    @abstractmethod
    def look(self, ids: Sequence[str]) -> list[Difference]:
        """Compare these documents."""


class WalkOverLog(Walk):
    """Finds what is missing, stale, altered or lifted."""

    _after = ""
    _last = ""

    def page(self, limit: int) -> Sequence[str]:
        ids = self.comparison.events.keys_after(self._after, limit)
        self._last = ids[-1] if len(ids) == limit else ""
        return ids

    def go_on(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.differences(ids)


class WalkOverDocuments(Walk):
    """Finds ghosts."""

    _after: Sequence[Any] = ()
    _last: Sequence[Any] = ()

    def page(self, limit: int) -> Sequence[str]:
        page = self.comparison.documents.page(self._after, limit)
        self._last = page.end if len(page.ids) == limit else ()
        return page.ids

    def go_on(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.ghosts(ids)


logger = logging.getLogger(__name__)

PAUSES_SECONDS = (0.0, 0.3)
"""What can't be repaired in this time waits for the next round: events wait meanwhile."""
PAGES_AT_REST = 5
LONGEST_SECONDS = 0.1
"""After so long no further page is begun: an event may have come meanwhile."""
LATE_SECONDS = 0.2


class Audit:
    """Goes round and round: through one index after the other, over what the log tells and over the documents."""

    def __init__(self, kept: Iterable[Documents]) -> None:
        """Leave out what was made by another version of its projection: that is to be rebuilt, not repaired."""
        comparisons = [Comparison(documents) for documents in kept if documents.are_of_this_projection]
        self._walks: deque[Walk] = deque(
            walk(comparison) for comparison in comparisons for walk in (WalkOverLog, WalkOverDocuments)
        )
        self._due_at = 0.0
        self._log = ThrottledLog(logger)

    def step(self, partitions: Collection[int], *, at_rest: bool = False) -> None:
        """Audit the next documents, once a second however often this is called; raise TargetLost without an index.

        They are as many as the setting says, or some times more if the consumer has nothing else to do.
        """
        limit = conf.audit_per_second
        now = time.monotonic()
        if not (limit and partitions) or now < self._due_at:
            return
        self._due_at = max(self._due_at, now - LATE_SECONDS) + 1  # Each second on average, though called a little late.
        left, ended = limit * (PAGES_AT_REST if at_rest else 1), 0
        # Once around at most: where there are few documents, none is met twice.
        while left and ended < len(self._walks) and time.monotonic() < now + LONGEST_SECONDS:
            size = min(limit, left)
            taken = self._take(self._walks[0], partitions, size)
            left -= taken
            if taken < size:
                self._walks.rotate(-1)
                ended += 1

    def _take(self, walk: Walk, partitions: Collection[int], limit: int) -> int:
        """Audit the next page of a walk, and return how many documents it had."""
        try:
            page = walk.page(limit)
            self._mend(walk, [key for key in page if partition_of(key) in partitions])
        except RetryLater as error:
            # No reason to handle no events: an outage stops these by itself, and this page comes again.
            self._log.error(f"the audit of {walk.comparison.documents.target.name} goes on later: {error}")
            return 0
        walk.go_on()
        return len(page)

    def _mend(self, walk: Walk, ids: Sequence[str]) -> None:
        documents = walk.comparison.documents
        for difference in repair(documents, walk.look(ids), look=walk.look, pauses_seconds=PAUSES_SECONDS):
            if difference.repaired:
                _tell(difference, documents.target)
            else:
                self._log.error("the audit finds documents that it can't repair; verify_readmodel tells which")


def _tell(difference: Difference, target: Target) -> None:
    """Name the fields, not what they hold: a log is no place for people's addresses."""
    logger.warning(
        "the audit of %s has repaired document %s, which was %s: version %s in the log, %s in the index%s",
        target.name,
        difference.id,
        difference.kind,
        difference.log_version,
        difference.index_version,
        f"; other {', '.join(difference.fields)}" if difference.fields else "",
    )
