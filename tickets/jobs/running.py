"""Give a task its turn at a job.

In:   a job and the id of the task that runs, from tickets/jobs/tasks.py.
Out:  changed or imported tickets, refused items, and the next turn's task.
Next: tickets/jobs/ticket_turn.py, tickets/jobs/file_turn.py
"""

from uuid import UUID

from django.db.models.functions import Now

from tickets.jobs.file_turn import FileTurn
from tickets.jobs.ticket_turn import TicketTurn
from tickets.measurements import JOB_TURN_SECONDS
from tickets.models import Job, JobKind, JobState


def run(job_id: UUID, task_id: UUID) -> None:
    """Work off a part of the job, if the task is its newest one."""
    mine = Job.objects.unfinished().filter(id=job_id, task_id=task_id)
    mine.update(state=JobState.RUNNING, heartbeat_at=Now())
    if job := mine.select_related("asked_by").first():
        turn = FileTurn if job.kind == JobKind.IMPORT else TicketTurn
        with JOB_TURN_SECONDS.timed(job.kind):
            turn(job, mine).take()
