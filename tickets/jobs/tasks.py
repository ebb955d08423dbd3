"""The task that Django's tasks keep in the database for each slice of a job."""

from uuid import UUID

from django.tasks import TaskContext, task


@task(takes_context=True)
def run_job(context: "TaskContext[..., None]", job_id: str) -> None:
    """Work off a slice of the job, if this is its newest task."""
    from tickets.jobs.running import run  # noqa: PLC0415 (it enqueues this task)

    run(UUID(job_id), UUID(context.task_result.id))
