"""The form that issues a ticket. What is odd about the ticket has to be confirmed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanWidget

from tickets.models import Status, Ticket
from tickets.models.shows import oddities

if TYPE_CHECKING:
    TicketForm = forms.ModelForm[Ticket]
else:
    TicketForm = forms.ModelForm  # Not generic at run time.


A_MOMENT = timedelta(minutes=1)


class IssueForm(TicketForm):
    confirmed = forms.BooleanField(
        label=gettext_lazy("I know, and want it all the same"), required=False, widget=UnfoldBooleanWidget
    )

    def _post_clean(self) -> None:
        """Look for oddities last of all, when the ticket has the form's values."""
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and not self.cleaned_data.get("confirmed"):
            found = list(oddities(self.instance, Ticket.objects.all())) or list(_repetition_of(self.instance))
            if found:
                self.add_error(None, [ValidationError(text) for text in [*found, _("Please confirm this.")]])


def _repetition_of(ticket: Ticket) -> Iterator[str]:
    """Yield a sentence if somebody has sent the same form just now: by a second click, or by going back."""
    same = Ticket.objects.filter(**ticket.details(), created_at__gte=timezone.now() - A_MOMENT)
    for twin in same.exclude(status=Status.CANCELED)[:1]:
        yield _("A ticket with the same details was issued just now: %(code)s.") % {"code": twin.code}
