"""What a clerk does with one ticket in the admin: each change has a button, a page that asks, and a permission."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.admin.transition_forms import (
    CancelForm,
    CheckInForm,
    CorrectForm,
    ReasonForm,
    TransitionForm,
)
from tickets.models import Status, Ticket

type Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of a ticket. `carry_out` returns what is told to the person who asked for it."""

    name: str
    label: Any
    explanation: Any
    permission: str
    sources: tuple[Status, ...]
    form: type[TransitionForm]
    carry_out: Callable[[Ticket, Values], str]
    is_dangerous: bool = False


def _cancel(ticket: Ticket, values: Values) -> str:
    given = {name: values[name] for name in ("holder_name", "holder_email", "seat")}
    corrections = {name: value for name, value in given.items() if value != getattr(ticket, name)}
    replacement = ticket.cancel(values["reason"], **corrections)
    return _("Ticket %(code)s is canceled; its replacement is %(replacement)s.") % {
        "code": ticket.code,
        "replacement": replacement.code,
    }


def _void(ticket: Ticket, values: Values) -> str:
    ticket.void(values["reason"])
    return _("Ticket %(code)s is canceled, without a replacement.") % {"code": ticket.code}


def _check_in(ticket: Ticket, values: Values) -> str:  # noqa: ARG001 (as all others)
    ticket.check_in()
    return _("Ticket %(code)s is checked in.") % {"code": ticket.code}


def _undo_check_in(ticket: Ticket, values: Values) -> str:
    ticket.undo_check_in(values["reason"])
    return _("Ticket %(code)s can be used again.") % {"code": ticket.code}


def _correct(ticket: Ticket, values: Values) -> str:
    changed = ticket.update(**{name: values[name] for name in ("holder_name", "holder_email", "seat")})
    return (_("Ticket %(code)s is corrected.") if changed else _("Ticket %(code)s was like this already.")) % {
        "code": ticket.code
    }


def _reinstate(ticket: Ticket, values: Values) -> str:
    ticket.reinstate(values["reason"])
    return _("Ticket %(code)s is valid again.") % {"code": ticket.code}


TRANSITIONS = (
    Transition(
        name="check_in",
        label=gettext_lazy("Check in"),
        explanation=gettext_lazy("The holder goes in now, and the ticket can't be used again."),
        permission="tickets.check_in_ticket",
        sources=(Status.ISSUED,),
        form=CheckInForm,
        carry_out=_check_in,
    ),
    Transition(
        name="correct",
        label=gettext_lazy("Correct"),
        explanation=gettext_lazy("The ticket keeps its code."),
        permission="tickets.change_ticket",
        sources=(Status.ISSUED,),
        form=CorrectForm,
        carry_out=_correct,
    ),
    Transition(
        name="cancel",
        label=gettext_lazy("Cancel and replace"),
        explanation=gettext_lazy("The ticket becomes void, and the holder gets a replacement with a new code."),
        permission="tickets.cancel_ticket",
        sources=(Status.ISSUED,),
        form=CancelForm,
        carry_out=_cancel,
        is_dangerous=True,
    ),
    Transition(
        name="void",
        label=gettext_lazy("Cancel without a replacement"),
        explanation=gettext_lazy("The ticket becomes void, for example because its price was refunded."),
        permission="tickets.cancel_ticket",
        sources=(Status.ISSUED,),
        form=ReasonForm,
        carry_out=_void,
        is_dangerous=True,
    ),
    Transition(
        name="undo_check_in",
        label=gettext_lazy("Undo the check-in"),
        explanation=gettext_lazy("The holder did not go in after all, and can use the ticket again."),
        permission="tickets.undo_check_in_ticket",
        sources=(Status.CHECKED_IN,),
        form=ReasonForm,
        carry_out=_undo_check_in,
    ),
    Transition(
        name="reinstate",
        label=gettext_lazy("Reinstate"),
        explanation=gettext_lazy(
            "The ticket was canceled by mistake and becomes valid again; its replacement becomes void."
        ),
        permission="tickets.reinstate_ticket",
        sources=(Status.CANCELED,),
        form=ReasonForm,
        carry_out=_reinstate,
    ),
)
