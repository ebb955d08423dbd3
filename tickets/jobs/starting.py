"""Begin, confirm, hand on and stop jobs; each in the caller's transaction."""

from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.jobs.tasks import run_job
from tickets.models import Job, JobFile, JobItem, JobState
from tickets.values import written

MOST_TICKETS = 100_000
ITEMS_AT_ONCE = 5_000
FROM_THE_BEGINNING: Mapping[str, Any] = {
    "state": JobState.WAITING,
    "is_confirmed": True,
    "done": 0,
    "refused": 0,
    "counts": {},
    "finished_at": None,
}


class TooManyTickets(Exception):
    """A job has more tickets than one may have."""

    def __init__(self) -> None:
        text = _("These are more than %(most)s tickets, the most of one job; divide them.")
        super().__init__(text % {"most": written.number(MOST_TICKETS)})


def begin(job: Job, ticket_ids: Iterable[UUID]) -> Job:
    """Store the job with its tickets, a batch at a time; raise TooManyTickets. Start it, unless it is a draft."""
    job.is_confirmed = job.state != JobState.DRAFT
    with transaction.atomic():
        job.save(force_insert=True)
        for batch in batched(ticket_ids, ITEMS_AT_ONCE, strict=False):
            JobItem.objects.bulk_create(JobItem(job=job, ticket_id=ticket_id) for ticket_id in batch)
            job.total += len(batch)
            if job.total > MOST_TICKETS:
                raise TooManyTickets
        job.save(update_fields=["total"])
        if job.is_confirmed:
            hand_on(job)
    return job


def confirm(job: Job) -> bool:
    """Start a draft, or write the file that was checked; tell whether the job waited for that still."""
    given = {name: getattr(job, name) for name in ("reason", "replace", "language", "correlation_id")}
    with transaction.atomic():
        waiting = Job.objects.filter(id=job.id, state__in=(JobState.DRAFT, JobState.CHECKED))
        has_waited = waiting.update(**given, **FROM_THE_BEGINNING) == 1
        if has_waited:
            hand_on(job)
    return has_waited


def begin_import(job: Job, file: JobFile) -> Job:
    """Store the job with its file, and let a worker check it."""
    with transaction.atomic():
        job.save(force_insert=True)
        file.job = job
        file.save(force_insert=True)
        hand_on(job)
    return job


def hand_on(job: Job) -> None:
    """Enqueue the job's next task, which alone may go on with it; the caller's transaction has the job's row."""
    task = run_job.enqueue(str(job.id))
    Job.objects.filter(id=job.id).update(task_id=task.id, heartbeat_at=Now())


def stop(job: Job) -> None:
    """Leave the rest of the job's tickets as they are; when this has returned, no further one is changed."""
    unfinished = Job.objects.unfinished().filter(id=job.id)
    with transaction.atomic():
        if unfinished.update(state=JobState.STOPPED, finished_at=timezone.now()):
            JobFile.objects.filter(job=job).delete()
    job.refresh_from_db()
