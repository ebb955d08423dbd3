"""Run the tasks of jobs one after another; take up jobs whose worker was killed, and delete old ones.

In:   tasks that a request, or the slice before, has enqueued in the database.
Out:  each task run once; a job without a living task gets another one.
Next: tickets/jobs/running.py
"""

import logging
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import F
from django.tasks import TaskResultStatus
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from events.processes.timer import Timer
from tickets.jobs.starting import hand_on
from tickets.models import Job, JobState

logger = logging.getLogger(__name__)

ADOPT_EVERY_SECONDS = 5
DELETE_EVERY_SECONDS = 600
KEPT_DAYS = 30
"""How long a job that has ended can be looked at."""
DRAFT_DAYS = 1
TASK_DAYS = 1
"""Longer than any task runs."""


class JobWorker:
    """The work of `manage.py run_jobs`."""

    def __init__(self) -> None:
        self._id = uuid4().hex
        self._adopting, self._deleting = Timer(), Timer()

    def take_turn(self) -> bool:
        """Run one task; tell whether there was one."""
        if self._adopting.is_due(ADOPT_EVERY_SECONDS):
            adopt_abandoned()
        if self._deleting.is_due(DELETE_EVERY_SECONDS):
            delete_old()
        worker = _LibraryWorker(self._id)
        worker.run()
        return worker.has_run


class _LibraryWorker(Worker):
    """The worker of django-tasks-db for one task; the signals are ours."""

    def __init__(self, worker_id: str) -> None:
        super().__init__(
            queue_names=["default"],
            interval=0,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=1,
            worker_id=worker_id,
            excluded_queue_names=[],
        )

    @property
    def has_run(self) -> bool:
        return self._run_tasks > 0


def adopt_abandoned() -> None:
    """Enqueue another task for each job that has lost its worker: the tasks' backend leaves a killed one RUNNING."""
    with transaction.atomic():
        waiting = DBTaskResult.objects.filter(status=TaskResultStatus.READY).values("id")
        for job in Job.objects.quiet().exclude(task_id__in=waiting).select_for_update(skip_locked=True):
            logger.warning("job %s has lost its worker, and is taken up again", job.id)
            Job.objects.filter(id=job.id).update(stalls=F("stalls") + 1)
            hand_on(job)


def delete_old() -> None:
    """Delete jobs that ended long ago, drafts and files that nobody confirmed, and the tasks' rows."""
    now = timezone.now()
    ended = Job.objects.filter(finished_at__lt=now - timedelta(days=KEPT_DAYS))
    unconfirmed = (JobState.DRAFT, JobState.CHECKED)
    drafts = Job.objects.filter(state__in=unconfirmed, created_at__lt=now - timedelta(days=DRAFT_DAYS))
    for jobs in (ended, drafts):
        jobs.delete()
    DBTaskResult.objects.exclude(status=TaskResultStatus.READY).filter(
        started_at__lt=now - timedelta(days=TASK_DAYS)
    ).delete()
