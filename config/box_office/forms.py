"""The forms of the changes of a ticket."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.models import Correction, Ticket
from tickets.models.details import LONGEST_REASON

CORRECTED = tuple(Correction.__annotations__)


class ChangeForm(forms.Form):
    """A change as such: the version that its person has seen, and whether doubts are confirmed."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
    is_confirmed = forms.BooleanField(label=_("Do it anyway"), required=False)

    def __init__(self, ticket: Ticket, data: Mapping[str, Any] | None = None, *, has_doubts: bool = False) -> None:
        super().__init__(data, initial={name: getattr(ticket, name) for name in ("version", *CORRECTED)})
        if not has_doubts:
            self.fields["is_confirmed"].widget = forms.HiddenInput()

    @property
    def corrections(self) -> dict[str, str]:
        """The details that the person has changed."""
        return {name: self.cleaned_data[name] for name in CORRECTED if name in self.changed_data}


class ReasonForm(ChangeForm):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=LONGEST_REASON, widget=forms.Textarea({"rows": 2, "dir": "auto"})
    )


class CorrectionForm(ChangeForm):
    seat = forms.CharField(label=_("Seat"), required=False, max_length=50, widget=forms.TextInput({"dir": "auto"}))
    holder_name = forms.CharField(label=_("Holder"), max_length=200, widget=forms.TextInput({"dir": "auto"}))
    holder_email = forms.EmailField(label=_("E-mail"), max_length=254)
    field_order: Sequence[str] = ("version", "holder_name", "holder_email", "seat")


class CancelForm(ReasonForm, CorrectionForm):
    WITH, WITHOUT = "with", "without"
    replacement = forms.ChoiceField(
        label=_("Replacement"),
        widget=forms.RadioSelect,
        initial=WITH,
        choices=[
            (WITH, _("Issue a replacement, with the holder and the seat below")),
            (WITHOUT, _("Cancel without a replacement")),
        ],
    )
    field_order: Sequence[str] = ("version", "reason", "replacement", "holder_name", "holder_email", "seat")

    @property
    def is_replaced(self) -> bool:
        return bool(self.cleaned_data["replacement"] == self.WITH)
