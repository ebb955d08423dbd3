"""Compare the index with the log all the time, a little each second, and repair what differs.

The process that owns a partition audits the tickets of that partition, and nobody else does.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import cycle
from typing import Any

from django.conf import settings

from events.exceptions import RetryLater
from events.partitions import partition_of
from events.trouble import Trouble
from readmodel.comparison import Comparison, Difference, Kind
from readmodel.documents import Documents
from readmodel.index import DocumentIndex
from readmodel.indices import Target
from readmodel.repair import Look, repair

logger = logging.getLogger(__name__)

PAUSES_SECONDS = (0.0, 0.3)
"""What can't be repaired in this time waits for the next round: events wait meanwhile."""

repairs: Counter[Kind] = Counter()
"""What the audits of this process have repaired."""


class Audit:
    """Goes round and round: over the tickets of the log, and over the documents of one index, in turn."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._subject = ""
        self._end: Sequence[Any] = ()
        self._turns = cycle([self._audit_tickets, self._audit_documents])
        self._due_at = 0.0
        self._trouble = Trouble(logger)

    def step(self, partitions: Collection[int]) -> None:
        """Audit the next slice, once a second however often this is called; raise TargetLost if the index is gone."""
        limit = settings.READMODEL_AUDIT_PER_SECOND
        is_wanted = limit and partitions and self._comparison.documents.are_of_this_projection
        if not is_wanted or time.monotonic() < self._due_at:
            return
        self._due_at = max(self._due_at + 1, time.monotonic())  # On average each second, though called a little early.
        try:
            next(self._turns)(partitions, limit)
        except RetryLater as error:
            # No reason to handle no events: an outage stops these by itself, and the next second brings this slice.
            self._trouble.say(f"the audit of the read model goes on later: {error}")

    def _audit_tickets(self, partitions: Collection[int], limit: int) -> None:
        subjects = self._comparison.events.subjects_after(self._subject, limit)
        own = [subject for subject in subjects if partition_of(subject) in partitions]
        self._mend(self._comparison.differences(own), self._comparison.differences)
        self._subject = subjects[-1] if subjects else ""

    def _audit_documents(self, partitions: Collection[int], limit: int) -> None:
        page = self._comparison.documents.page(self._end, limit)
        own = [document for document in page.ids if partition_of(document) in partitions]
        self._mend(self._comparison.ghosts(own), self._comparison.ghosts)
        self._end = page.end

    def _mend(self, differences: Sequence[Difference], look: Look) -> None:
        documents = self._comparison.documents
        for difference in repair(documents, differences, look=look, pauses_seconds=PAUSES_SECONDS):
            if difference.repaired:
                repairs[difference.kind] += 1
                _tell(difference)
            else:
                self._trouble.say("the audit finds documents that it can't repair; verify_readmodel tells which")


def audit_of(index: DocumentIndex, target: Target) -> Audit:
    return Audit(Comparison(Documents(index, target)))


def _tell(difference: Difference) -> None:
    """Name the fields, not what they hold: a log is no place for people's addresses."""
    logger.warning(
        "the audit has repaired document %s, which was %s: version %s in the log, %s in the index%s",
        difference.id,
        difference.kind,
        difference.log_version,
        difference.index_version,
        f"; other {', '.join(difference.fields)}" if difference.fields else "",
    )
