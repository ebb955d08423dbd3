"""What each kind of job does to a ticket, which permission it needs, and how a refusal is told."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tickets.exceptions import TicketError
from tickets.models import Job, JobItem, JobKind, Outcome, Ticket
from tickets.models.job import LONGEST_DETAIL

REFUSALS = (TicketError, ValidationError)


class Action(NamedTuple):
    permission: str
    change: Callable[[Job, Ticket], object]
    """Raise one of REFUSALS if the ticket can't be changed, and leave it as it is then."""


class Refusal(NamedTuple):
    """Why a ticket was not changed, as the REST interface tells it for a single one."""

    status: int
    kind: str
    detail: str | Promise
    facts: Mapping[str, str | None] = {}

    @property
    def text(self) -> str:
        """The detail in the language that is active now, as long as it can be stored."""
        return str(self.detail)[:LONGEST_DETAIL]

    def item(self, job: Job) -> JobItem:
        """Return a refused item without a ticket."""
        return JobItem(job=job, outcome=Outcome.REFUSED, status=self.status, detail=self.text)

    @classmethod
    def of(cls, error: Exception) -> "Refusal":
        if isinstance(error, TicketError):
            return cls(HTTPStatus.CONFLICT, error.kind, str(error), error.facts)
        messages = error.messages if isinstance(error, ValidationError) else [str(error)]
        return cls(HTTPStatus.BAD_REQUEST, "", " ".join(messages))


UNKNOWN = Refusal(HTTPStatus.NOT_FOUND, "", _("There is no ticket with this id."))
FORBIDDEN = Refusal(HTTPStatus.FORBIDDEN, "", _("Who asked for this job may not do it any more."))
FAILED = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "",
    _("The service failed on this several times, and left it as it is; the worker's log says why."),
)


def _cancel(job: Job, ticket: Ticket) -> None:
    if job.replace:
        ticket.cancel(job.reason)
    else:
        ticket.void(job.reason)


def _check_in(_job: Job, ticket: Ticket) -> None:
    ticket.check_in()


ACTIONS: Mapping[str, Action] = {
    JobKind.CANCEL: Action("tickets.cancel_ticket", _cancel),
    JobKind.CHECK_IN: Action("tickets.check_in_ticket", _check_in),
}


PERMISSIONS: Mapping[str, str] = {
    **{kind: action.permission for kind, action in ACTIONS.items()},
    JobKind.IMPORT: "tickets.add_ticket",
}


def may(job: Job) -> bool:
    """Tell whether the one who asked for the job may do it now."""
    return job.asked_by is not None and job.asked_by.has_perm(PERMISSIONS[job.kind])
