"""One task's turn at a job: what all kinds of jobs have in common.

The job's row names the task that may go on: a worker that comes back after another one has taken its job up changes
nothing, nor does one whose job was stopped.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation

from events.processes.shutdown import Shutdown
from events.recording.collector import Collector, collecting
from tickets.jobs.actions import may
from tickets.jobs.starting import hand_on
from tickets.models import Job, JobState

logger = logging.getLogger(__name__)

MOST_STALLS = 5
shutdown = Shutdown()
"""The worker program listens for signals with it; a turn ends after the transaction in hand."""


class Lost(Exception):
    """The job was stopped, or belongs to another task now."""


class Turn(ABC):
    """Works off a part of a job, and enqueues the task for the next one."""

    def __init__(self, job: Job, mine: QuerySet[Job]) -> None:
        self.job = job
        self._mine = mine
        """The job's row, as long as this task may go on with it."""
        self.end = JobState.FINISHED

    def take(self) -> None:
        try:
            with translation.override(self.job.language):
                if may(self.job):
                    with _events_of(self.job):
                        self.work_off()
                else:
                    self.refuse_rest()
            self._go_on()
        except Lost:
            logger.info("job %s was stopped, or taken up by another worker", self.job.id)

    @abstractmethod
    def work_off(self) -> None:
        """Work off the next part, and count what was done in the transaction that did it; raise Lost."""

    @abstractmethod
    def refuse_rest(self) -> None:
        """Who asked may not do this any more; raise Lost."""

    @abstractmethod
    def has_more(self) -> bool:
        """Tell whether something is left for another turn."""

    def finish(self) -> None:  # noqa: B027 (most have nothing to do)
        """Clean up in the transaction that ends the job."""

    @property
    def is_failing(self) -> bool:
        """Whether the job has lost its worker again and again at the place where it is now."""
        return self.job.stalls >= MOST_STALLS

    def count(self, *, done: int = 0, refused: int = 0, **values: Any) -> None:
        """Count what the transaction has done; raise Lost, which undoes it, if this task may not go on."""
        self.set(done=F("done") + done, refused=F("refused") + refused, **values)

    def set(self, **values: Any) -> None:
        """Set fields of the job, as count() does."""
        if not self._mine.update(**values, heartbeat_at=Now(), stalls=0):
            raise Lost

    def _go_on(self) -> None:
        with transaction.atomic():
            if self.has_more():
                self.count()
                hand_on(self.job)
            elif self._mine.update(state=self.end, finished_at=timezone.now()):
                self.finish()
                logger.info("job %s is %s", self.job.id, self.end)


@contextmanager
def _events_of(job: Job) -> Iterator[None]:
    """Record events as the one who asked, with the id of that request; flush them together at the end."""
    name = job.asked_by.get_username() if job.asked_by else ""
    collector = Collector(correlation_id=job.correlation_id, actor=lambda: name)
    try:
        with collecting(collector):
            yield
    finally:
        collector.close()
