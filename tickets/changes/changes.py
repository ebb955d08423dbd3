"""The changes that a person makes of one ticket, each by a method of the ticket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.changes import doubts
from tickets.changes.forms import ChangeForm, CorrectionForm, ReasonForm, ReplacementForm
from tickets.models import Status, Ticket


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change: who may make it, of tickets in which status, by which form, and what the person reads."""

    name: str
    label: Promise
    explanation: Promise
    permission: str
    sources: tuple[Status, ...]
    form: type[ChangeForm]
    doubts: Callable[[Ticket, Any], list[str]] = doubts.none
    """Sentences that the person has to confirm, from the ticket and the valid form."""
    carry_out: Callable[[Ticket, Any], str]
    """Make the change, and return a sentence for the person who asked for it."""
    is_dangerous: bool = False

    @property
    def path(self) -> str:
        """The last part of the address of its page."""
        return self.name.replace("_", "-")


def changes_offered(user: Any, status: str) -> list[Change]:
    """Return what the user may do with a ticket in this status."""
    return [change for change in CHANGES if status in change.sources and user.has_perm(change.permission)]


def _cancel(ticket: Ticket, form: ReplacementForm) -> str:
    replacement = ticket.cancel(form.cleaned_data["reason"], **form.corrections)
    return _("Ticket %(code)s is canceled; its replacement is %(replacement)s.") % {
        "code": ticket.code,
        "replacement": replacement.code,
    }


def _void(ticket: Ticket, form: ReasonForm) -> str:
    ticket.void(form.cleaned_data["reason"])
    return _("Ticket %(code)s is canceled, without a replacement.") % {"code": ticket.code}


def _check_in(ticket: Ticket, form: ChangeForm) -> str:  # noqa: ARG001 (as all others)
    ticket.check_in()
    return _("Ticket %(code)s is checked in.") % {"code": ticket.code}


def _undo_check_in(ticket: Ticket, form: ReasonForm) -> str:
    ticket.undo_check_in(form.cleaned_data["reason"])
    return _("Ticket %(code)s can be used again.") % {"code": ticket.code}


def _correct(ticket: Ticket, form: CorrectionForm) -> str:
    changed = ticket.update(**form.corrections)
    return (_("Ticket %(code)s is corrected.") if changed else _("Ticket %(code)s was like this already.")) % {
        "code": ticket.code
    }


def _reinstate(ticket: Ticket, form: ReasonForm) -> str:
    ticket.reinstate(form.cleaned_data["reason"])
    return _("Ticket %(code)s is valid again.") % {"code": ticket.code}


CHANGES = (
    Change(
        name="check_in",
        label=gettext_lazy("Check in"),
        explanation=gettext_lazy("The holder goes in now, and the ticket can't be used again."),
        permission="tickets.check_in_ticket",
        sources=(Status.ISSUED,),
        form=ChangeForm,
        doubts=doubts.about_the_time,
        carry_out=_check_in,
    ),
    Change(
        name="correct",
        label=gettext_lazy("Correct"),
        explanation=gettext_lazy("The ticket keeps its code."),
        permission="tickets.change_ticket",
        sources=(Status.ISSUED,),
        form=CorrectionForm,
        doubts=doubts.about_the_correction,
        carry_out=_correct,
    ),
    Change(
        name="cancel",
        label=gettext_lazy("Cancel and replace"),
        explanation=gettext_lazy("The ticket becomes void, and the holder gets a replacement with a new code."),
        permission="tickets.cancel_ticket",
        sources=(Status.ISSUED,),
        form=ReplacementForm,
        doubts=doubts.about_the_replacement,
        carry_out=_cancel,
        is_dangerous=True,
    ),
    Change(
        name="void",
        label=gettext_lazy("Cancel without a replacement"),
        explanation=gettext_lazy("The ticket becomes void, for example because its price was refunded."),
        permission="tickets.cancel_ticket",
        sources=(Status.ISSUED,),
        form=ReasonForm,
        carry_out=_void,
        is_dangerous=True,
    ),
    Change(
        name="undo_check_in",
        label=gettext_lazy("Undo the check-in"),
        explanation=gettext_lazy("The holder did not go in after all, and can use the ticket again."),
        permission="tickets.undo_check_in_ticket",
        sources=(Status.CHECKED_IN,),
        form=ReasonForm,
        doubts=doubts.about_the_time,
        carry_out=_undo_check_in,
    ),
    Change(
        name="reinstate",
        label=gettext_lazy("Reinstate"),
        explanation=gettext_lazy(
            "The ticket was canceled by mistake and becomes valid again; its replacement becomes void."
        ),
        permission="tickets.reinstate_ticket",
        sources=(Status.CANCELED,),
        form=ReasonForm,
        doubts=doubts.about_the_ticket,
        carry_out=_reinstate,
    ),
)
