"""Work off a slice of a job: change each ticket in a transaction with its item and the job's counts.

So a worker that is killed leaves a ticket changed and counted, or neither. The job's row names the task that may go on:
a worker that comes back after another one has taken its job up changes nothing, nor does one whose job was stopped.

In:   a job and the id of the task that runs, from tickets/jobs/tasks.py.
Out:  changed tickets, refused items, and the next slice's task.
Next: tickets/jobs/actions.py
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from events import unit_of_work
from events.processes.shutdown import Shutdown
from events.recording.collector import Collector, collecting
from tickets.jobs.actions import ACTIONS, FAILED, FORBIDDEN, REFUSALS, UNKNOWN, Refusal, may
from tickets.jobs.starting import hand_on
from tickets.models import Job, JobItem, JobState, Outcome, Ticket
from tickets.models.job import LONGEST_DETAIL

logger = logging.getLogger(__name__)

SLICE = 100
"""So many tickets are worked off before another job has its turn, and permissions are looked at again."""
MOST_STALLS = 5
shutdown = Shutdown()
"""The worker program listens for signals with it; a slice ends after the ticket in hand."""


class Lost(Exception):
    """The job was stopped, or belongs to another task now."""


class Run:
    """One task's turn at a job."""

    def __init__(self, job_id: UUID, task_id: UUID) -> None:
        self._mine = Job.objects.unfinished().filter(id=job_id, task_id=task_id)

    def work(self) -> None:
        """Work off the next tickets, and enqueue a task for those after them."""
        self._mine.update(state=JobState.RUNNING, heartbeat_at=Now())
        job = self._mine.select_related("asked_by").first()
        if job is None:
            return
        try:
            if may(job):
                with _events_of(job):
                    self._work_off(job)
            else:
                self._refuse_rest(job)
            self._go_on(job)
        except Lost:
            logger.info("job %s was stopped, or taken up by another worker", job.id)

    def _work_off(self, job: Job) -> None:
        is_failing = job.stalls >= MOST_STALLS
        for item in _open_items(job)[:SLICE]:
            if shutdown.requested:
                return
            with unit_of_work():
                refusal = FAILED if is_failing else _changed(job, item)
                _settle(item, refusal)
                self._count(done=int(refusal is None), refused=int(refusal is not None))
            is_failing = False

    def _refuse_rest(self, job: Job) -> None:
        values = {"outcome": Outcome.REFUSED, **FORBIDDEN._asdict()}
        with transaction.atomic():
            self._count(refused=_open_items(job).update(**values))

    def _count(self, *, done: int = 0, refused: int = 0) -> None:
        """Count what the transaction has done; raise Lost, which undoes it, if this task may not go on."""
        is_mine = self._mine.update(done=F("done") + done, refused=F("refused") + refused, heartbeat_at=Now(), stalls=0)
        if not is_mine:
            raise Lost

    def _go_on(self, job: Job) -> None:
        with transaction.atomic():
            if _open_items(job).exists():
                self._count()
                hand_on(job)
            elif self._mine.update(state=JobState.FINISHED, finished_at=timezone.now()):
                logger.info("job %s is finished", job.id)


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


def _open_items(job: Job) -> QuerySet[JobItem]:
    return JobItem.objects.filter(job=job, outcome=Outcome.OPEN).order_by("id")


def _changed(job: Job, item: JobItem) -> Refusal | None:
    """Change the item's ticket; return why it can't be changed."""
    ticket = Ticket.objects.select_for_update(no_key=True).filter(id=item.ticket_id).first()
    if ticket is None:
        return UNKNOWN
    try:
        with transaction.atomic():
            ACTIONS[job.kind].change(job, ticket)
    except REFUSALS as error:
        return Refusal.of(error)
    return None


def _settle(item: JobItem, refusal: Refusal | None) -> None:
    if refusal:
        item.status, item.kind, item.facts = refusal.status, refusal.kind, dict(refusal.facts)
        item.detail = refusal.detail[:LONGEST_DETAIL]
    item.outcome = Outcome.REFUSED if refusal else Outcome.DONE
    item.save(update_fields=["outcome", "status", "kind", "detail", "facts"])
