"""The forms of the changes of a ticket."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.models import Correction, Ticket
from tickets.models.details import LONGEST_REASON
from tickets.values.fields import ATTRIBUTES_OF_ADDRESSES

CORRECTED = tuple(Correction.__annotations__)


class ChangeForm(forms.Form):
    """A change as such: the version that its person has seen, and whether doubts are confirmed."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
    confirmed = forms.BooleanField(label=_("I know, and want it all the same"), required=False)

    def __init__(self, ticket: Ticket, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={name: getattr(ticket, name) for name in ("version", *CORRECTED)})
        self.fields["confirmed"].widget = forms.HiddenInput()

    @property
    def corrections(self) -> dict[str, str]:
        """The details that the person has changed."""
        return {name: self.cleaned_data[name] for name in CORRECTED if name in self.changed_data}

    def offer_to_confirm(self) -> None:
        self.fields["confirmed"].widget = forms.CheckboxInput()

    def show_news(self, ticket: Ticket, seen: Mapping[str, Any]) -> None:
        """Keep what the person has typed; a field that they left as they had `seen` it shows the ticket's value now.

        The next attempt is about this version, and has its own doubts.
        """
        typed = {name: self.data[name] for name in self.fields if name in self.data and name != "confirmed"}
        left = [name for name in CORRECTED if name in self.fields and self.cleaned_data[name] == seen.get(name)]
        self.data = {**typed, **{name: getattr(ticket, name) for name in left}, "version": ticket.version}


class ReasonForm(ChangeForm):
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.Textarea({"rows": 2, "dir": "auto"}),
        help_text=_("It is kept with the event, for later readers. Please name no persons in it."),
    )


class CorrectionForm(ChangeForm):
    holder_name = forms.CharField(label=_("Holder"), max_length=200, widget=forms.TextInput({"dir": "auto"}))
    holder_email = forms.CharField(
        label=_("E-mail address"), max_length=254, widget=forms.TextInput({"dir": "ltr", **ATTRIBUTES_OF_ADDRESSES})
    )
    seat = forms.CharField(label=_("Seat"), required=False, max_length=50, widget=forms.TextInput({"dir": "auto"}))
    field_order: Sequence[str] = ("version", "holder_name", "holder_email", "seat")


class ReplacementForm(ReasonForm, CorrectionForm):
    """The holder and the seat are the replacement's."""

    field_order: Sequence[str] = ("version", "reason", "holder_name", "holder_email", "seat")
