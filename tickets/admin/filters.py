"""Filters of the list of tickets: by status, words of the venue, currency, and day of the show at its venue."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib.admin import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tickets.models import Status, Ticket, shows

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Tickets start in these years; Python can't compute with days at the ends of the calendar."""


class FormFilter(ListFilter):
    """A filter that is some fields of the list's form."""

    template = "admin/tickets/filter.html"
    fields: Mapping[str, forms.Field] = {}

    def __init__(self, request: HttpRequest, params: dict[str, list[str]], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.fields:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    @property
    def parameter_name(self) -> str:
        """Its name, by which the theme knows it."""
        return next(iter(self.fields))

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.fields)

    def choices(self, changelist: Any) -> Iterator[Any]:  # noqa: ARG002 (Django's signature)
        form = forms.Form(data=self.used_parameters)
        form.fields |= dict(self.fields)
        yield {"form": form}

    def value(self, name: str) -> Any:
        """Return the field's value, None if it is empty; raise IncorrectLookupParameters."""
        try:
            return self.fields[name].clean(self.used_parameters.get(name)) or None
        except forms.ValidationError as error:
            raise IncorrectLookupParameters from error


class StatusFilter(FormFilter):
    title = _("status")
    fields = {
        "status": forms.ChoiceField(
            label=_("Status"),
            required=False,
            choices=[("", _("any")), *Status.choices],
            widget=UnfoldAdminSelectWidget,
        )
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:  # noqa: ARG002
        status = self.value("status")
        return queryset.filter(status=status) if status else queryset


class CurrencyFilter(FormFilter):
    title = _("currency")
    fields = {
        "currency": forms.CharField(
            label=_("Currency"), required=False, max_length=3, widget=UnfoldAdminTextInputWidget({"placeholder": "EUR"})
        )
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:  # noqa: ARG002
        currency = self.value("currency")
        return queryset.filter(currency=currency.upper()) if currency else queryset


class VenueFilter(FormFilter):
    title = _("venue")
    fields = {
        "venue": forms.CharField(
            label=_("Venue"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget({"dir": "auto"})
        )
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:  # noqa: ARG002
        words = self.value("venue")
        return queryset.filter(venue__icontains=words) if words else queryset


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, input_formats=["%Y-%m-%d"], widget=UnfoldAdminTextInputWidget({"type": "date"})
    )


class ShowDayFilter(FormFilter):
    """Compares with the day at the venue, wherever the viewer is."""

    title = _("day of the show")
    fields = {"day_from": _day(_("Shows from")), "day_to": _day(_("Shows until"))}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:  # noqa: ARG002
        first, last = self._day("day_from"), self._day("day_to")
        if first:
            queryset = queryset.filter(shows.is_from(first))
        return queryset.filter(shows.is_to(last)) if last else queryset

    def _day(self, name: str) -> date | None:
        day: date | None = self.value(name)
        if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise IncorrectLookupParameters
        return day
