"""The changes of a ticket that a person makes on its page, each by a method of the ticket."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.box_office.doubts import doubts_about, doubts_at_the_gate
from config.box_office.forms import CancelForm, ChangeForm, CorrectionForm, ReasonForm
from tickets.models import Status, Ticket

type Text = str | Promise


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A change: who may make it, of which tickets, and what the person reads."""

    permission: str
    source: Status
    form: type[ChangeForm]
    carry_out: Callable[[Ticket, Any], object]
    doubts: Callable[[Ticket, Any], list[str]]
    title: Text
    button: Text
    explanation: Text
    done: Text


def _cancel(ticket: Ticket, form: CancelForm) -> None:
    if form.is_replaced:
        ticket.cancel(form.cleaned_data["reason"], **form.corrections)
    else:
        ticket.void(form.cleaned_data["reason"])


def _doubts_of_cancel(ticket: Ticket, form: CancelForm) -> list[str]:
    return doubts_about(ticket, form.cleaned_data["seat"]) if form.is_replaced else []


def _doubts_of_correction(ticket: Ticket, form: CorrectionForm) -> list[str]:
    return doubts_about(ticket, form.cleaned_data["seat"] if "seat" in form.changed_data else "")


ACTIONS: Mapping[str, Action] = {
    "check_in": Action(
        permission="tickets.check_in_ticket",
        source=Status.ISSUED,
        form=ChangeForm,
        carry_out=lambda ticket, _form: ticket.check_in(),
        doubts=lambda ticket, _form: doubts_at_the_gate(ticket),
        title=_("Check in"),
        button=_("Check in"),
        explanation=_("The holder goes in. The ticket can't be used again."),
        done=_("The ticket is checked in."),
    ),
    "undo_check_in": Action(
        permission="tickets.undo_check_in_ticket",
        source=Status.CHECKED_IN,
        form=ReasonForm,
        carry_out=lambda ticket, form: ticket.undo_check_in(form.cleaned_data["reason"]),
        doubts=lambda ticket, _form: doubts_at_the_gate(ticket),
        title=_("Undo the check-in"),
        button=_("Undo the check-in"),
        explanation=_("The holder did not go in after all. The ticket can be used again."),
        done=_("The check-in is undone."),
    ),
    "correct": Action(
        permission="tickets.change_ticket",
        source=Status.ISSUED,
        form=CorrectionForm,
        carry_out=lambda ticket, form: ticket.update(**form.corrections),
        doubts=_doubts_of_correction,
        title=_("Correct the holder or the seat"),
        button=_("Correct"),
        explanation=_("The ticket keeps its code, and stays valid."),
        done=_("The ticket is corrected."),
    ),
    "cancel": Action(
        permission="tickets.cancel_ticket",
        source=Status.ISSUED,
        form=CancelForm,
        carry_out=_cancel,
        doubts=_doubts_of_cancel,
        title=_("Cancel the ticket"),
        button=_("Cancel the ticket"),
        explanation=_("The gates refuse the ticket from then on. A replacement has a new code."),
        done=_("The ticket is canceled."),
    ),
    "reinstate": Action(
        permission="tickets.reinstate_ticket",
        source=Status.CANCELED,
        form=ReasonForm,
        carry_out=lambda ticket, form: ticket.reinstate(form.cleaned_data["reason"]),
        doubts=lambda ticket, _form: doubts_about(ticket, ticket.seat),
        title=_("Make the ticket valid again"),
        button=_("Make the ticket valid again"),
        explanation=_("It was canceled by mistake. Its replacement, if it has one, is canceled."),
        done=_("The ticket is valid again."),
    ),
}
