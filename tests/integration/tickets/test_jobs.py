"""Kill the worker in the middle of a job, on PostgreSQL: each ticket is changed once, whatever the moment."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from events.models import LogEntry
from tests.processes import running
from tests.tickets import FIELDS
from tests.waiting import wait_until
from tickets.jobs.starting import begin
from tickets.models import Job, JobItem, JobState, Ticket

TICKETS = 250
KILLS = 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stream")
def test_a_job_whose_worker_is_killed_ends_with_each_ticket_changed_once() -> None:
    tickets = Ticket.issue_many([FIELDS] * TICKETS)
    root = User.objects.create_superuser("root")
    job = begin(Job(kind="cancel", asked_by=root), [ticket.id for ticket in tickets])

    for kill in range(1, KILLS + 1):
        with running("manage.py", "run_jobs"):  # It is killed at the end of the block.
            wait_until(lambda goal=kill * TICKETS // (KILLS + 2): Job.objects.get().done >= goal)  # type: ignore[misc]
        assert Job.objects.get().state == JobState.RUNNING
        Job.objects.update(heartbeat_at=F("heartbeat_at") - timedelta(minutes=1))
    with running("manage.py", "run_jobs"):
        wait_until(lambda: Job.objects.get().is_finished)

    job.refresh_from_db()
    assert (job.state, job.done, job.refused) == (JobState.FINISHED, TICKETS, 0)
    assert {*JobItem.objects.values_list("outcome", flat=True)} == {"done"}
    assert Ticket.objects.filter(status="canceled").count() == TICKETS
    assert Ticket.objects.filter(replaces__isnull=False).count() == TICKETS
    assert Counter(LogEntry.objects.values_list("type", flat=True)) == {
        "ticket.issued": 2 * TICKETS,
        "ticket.canceled": TICKETS,
    }
