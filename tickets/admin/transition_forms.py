"""The forms that ask before a ticket is changed. Each knows which version of the ticket its person has seen."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from tickets.models import Ticket
from tickets.models.details import LONGEST_REASON
from tickets.models.shows import oddities


class TransitionForm(forms.Form):
    """The version that the person has seen, and whether the person confirms what is odd about the change."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    confirmed = forms.BooleanField(
        label=gettext_lazy("I know, and want it all the same"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, ticket: Ticket, data: Mapping[str, Any] | None = None) -> None:
        self.ticket = ticket
        initial = {name: getattr(ticket, name, None) for name in self.base_fields}
        super().__init__(data, initial=initial)
        self.warnings: list[str] = []

    @property
    def seen_version(self) -> int | None:
        """The version of the ticket that the person had on the screen; None without one."""
        given = self.data.get("version", "") if self.is_bound else ""
        return int(given) if str(given).isascii() and str(given).isdecimal() else None

    def show_version(self, version: int) -> None:
        """Take what the person sees now for seen: the next attempt is about this version."""
        self.data = {**{name: self.data.get(name, "") for name in self.fields}, "version": version}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.warnings = self.oddities(cleaned)
        if self.warnings and not cleaned.get("confirmed"):
            raise forms.ValidationError(_("Please confirm this."), code="unconfirmed")
        return cleaned

    def oddities(self, cleaned: Mapping[str, Any]) -> list[str]:  # noqa: ARG002 (for subclasses)
        return []

    @property
    def shown_fields(self) -> list[forms.BoundField]:
        """The fields to fill in; confirming is offered only where there is something to confirm."""
        return [field for field in self.visible_fields() if field.name != "confirmed" or self.warnings]


class CheckInForm(TransitionForm):
    def oddities(self, cleaned: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        return list(oddities(self.ticket, Ticket.objects.none()))


class ReasonForm(TransitionForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget({"rows": 2, "dir": "auto"}),
        help_text=gettext_lazy("It is kept with the event, for later readers. Please name no persons in it."),
    )
    field_order = ["reason"]


class CorrectForm(TransitionForm):
    holder_name = forms.CharField(
        label=gettext_lazy("Holder"), max_length=200, widget=UnfoldAdminTextInputWidget({"dir": "auto"})
    )
    holder_email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=UnfoldAdminTextInputWidget({"type": "email", "dir": "ltr"}),
    )
    seat = forms.CharField(
        label=gettext_lazy("Seat"),
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget({"dir": "auto"}),
    )
    field_order = ["holder_name", "holder_email", "seat"]

    def oddities(self, cleaned: Mapping[str, Any]) -> list[str]:
        """Look at another seat alone: that of the ticket itself was confirmed when it was sold."""
        seat = cleaned.get("seat") or ""
        if seat == self.ticket.seat:
            return []
        with_seat = Ticket(**self.ticket.details() | {"seat": seat})
        return list(oddities(with_seat, Ticket.objects.exclude(id=self.ticket.id)))


class CancelForm(CorrectForm, ReasonForm):
    """The holder and the seat are the replacement's."""

    field_order = ["reason", "holder_name", "holder_email", "seat"]
