"""One attempt to change a ticket by a form: it is carried out, or the form comes back with what stands against it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, BadRequest, ValidationError
from django.utils.translation import gettext as _

from tickets.changes.changes import Change
from tickets.changes.history import Happening, happenings_since, state_at
from tickets.exceptions import ConcurrentChange, TransitionRefused
from tickets.models import Ticket


class Attempt:
    """A page that asks, and what came of its form.

    The form keeps what was typed. When the ticket has changed since the person saw it, the form is about the current
    version from then on, and `news` are what others did.
    """

    def __init__(self, change: Change, ticket: Ticket, data: Mapping[str, Any] | None = None) -> None:
        self.change = change
        self.ticket = ticket
        self.form = change.form(ticket, data)
        self.status = HTTPStatus.OK
        self.doubts: list[str] = []
        self.news: list[Happening] = []
        self.refusal = ""

    @property
    def is_possible(self) -> bool:
        return self.ticket.status in self.change.sources

    def carry_out(self) -> str:
        """Return what was done, in a sentence, or "" if nothing was.

        Raises:
            BadRequest: the form's version is none that a page of this project shows.

        """
        form = self.form
        if not form.is_valid():
            if "version" in form.errors:
                raise BadRequest(_("This form is not one of ours. Open the ticket again."))
            return self._fail(HTTPStatus.BAD_REQUEST)
        if form.cleaned_data["version"] != self.ticket.version:
            return self._too_late()
        self.doubts = self.change.doubts(self.ticket, form)
        if self.doubts and not form.cleaned_data["confirmed"]:
            form.offer_to_confirm()
            return self._fail(HTTPStatus.BAD_REQUEST)
        return self._carry_out()

    def _carry_out(self) -> str:
        try:
            return self.change.carry_out(self.ticket, self.form)
        except ConcurrentChange:
            self.ticket.refresh_from_db()
            return self._too_late()
        except TransitionRefused as error:
            self.refusal = error.outline
            return self._fail(HTTPStatus.CONFLICT)
        except ValidationError as error:
            self._show(error)
            return self._fail(HTTPStatus.BAD_REQUEST)

    def _too_late(self) -> str:
        seen = self.form.cleaned_data["version"]
        self.news = happenings_since(self.ticket, seen)
        self.form.show_news(self.ticket, state_at(self.ticket, seen))
        return self._fail(HTTPStatus.CONFLICT)

    def _show(self, error: ValidationError) -> None:
        """Show the model's errors at their fields, or on top."""
        found = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
        for name, texts in found.items():
            self.form.add_error(name if name in self.form.fields else None, texts)

    def _fail(self, status: HTTPStatus) -> str:
        self.status = status
        return ""
