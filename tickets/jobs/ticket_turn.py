"""Change the next tickets of a job, each in a transaction with its item and the job's counts.

So a worker that is killed leaves a ticket changed and counted, or neither.
"""

from django.db import transaction
from django.db.models import QuerySet

from events import unit_of_work
from tickets.jobs.actions import ACTIONS, FAILED, FORBIDDEN, REFUSALS, UNKNOWN, Refusal
from tickets.jobs.turn import Turn, shutdown
from tickets.models import Job, JobItem, Outcome, Ticket

SLICE = 100
"""So many tickets are worked off before another job has its turn, and permissions are looked at again."""


class TicketTurn(Turn):
    def work_off(self) -> None:
        is_failing = self.is_failing
        for item in self._open_items()[:SLICE]:
            if shutdown.requested:
                return
            with unit_of_work():
                refusal = FAILED if is_failing else _changed(self.job, item)
                _settle(item, refusal)
                self.count(done=int(refusal is None), refused=int(refusal is not None))
            is_failing = False

    def refuse_rest(self) -> None:
        values = {"outcome": Outcome.REFUSED, "status": FORBIDDEN.status, "detail": FORBIDDEN.text}
        with transaction.atomic():
            self.count(refused=self._open_items().update(**values))

    def has_more(self) -> bool:
        return self._open_items().exists()

    def _open_items(self) -> QuerySet[JobItem]:
        return JobItem.objects.filter(job=self.job, outcome=Outcome.OPEN).order_by("id")


def _changed(job: Job, item: JobItem) -> Refusal | None:
    """Change the item's ticket; return why it can't be changed."""
    ticket = Ticket.objects.select_for_update(no_key=True).filter(id__in=[item.ticket_id]).first()
    if ticket is None:
        return UNKNOWN
    try:
        ACTIONS[job.kind].change(job, ticket)
    except REFUSALS as error:
        return Refusal.of(error)
    return None


def _settle(item: JobItem, refusal: Refusal | None) -> None:
    if refusal:
        item.status, item.kind, item.facts = refusal.status, refusal.kind, dict(refusal.facts)
        item.detail = refusal.text
    item.outcome = Outcome.REFUSED if refusal else Outcome.DONE
    item.save(update_fields=["outcome", "status", "kind", "detail", "facts"])
