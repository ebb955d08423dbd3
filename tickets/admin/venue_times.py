"""Times of tickets in the admin: the form takes the local time at the venue, the list opens any stored year."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

from tickets.values.venue_time import is_complete

LAST_YEAR = 9999


class OffsetTimeField(forms.TimeField):
    """A time of day, with an offset where the clocks are put back and show it twice."""

    def to_python(self, value: Any) -> time | None:
        try:
            given = time.fromisoformat(value if is_complete(f" {value}") else "")
        except (TypeError, ValueError):
            return super().to_python(value)
        return given if given.tzinfo else super().to_python(value)


class VenueTimeFormField(forms.MultiValueField):
    """A date and a time at the venue; Django's own field would read them in the server's time zone."""

    def __init__(self, **options: Any) -> None:
        # The admin's own widget says to enter times in the server's time zone.
        look = {"class": " ".join(INPUT_CLASSES)}
        date_attributes: dict[str, Any] = {**look, "type": "date", "aria-label": _("Date")}
        time_attributes: dict[str, Any] = {**look, "placeholder": "20:00", "aria-label": _("Time"), "size": "12"}
        options["widget"] = forms.SplitDateTimeWidget(
            date_format="%Y-%m-%d", date_attrs=date_attributes, time_attrs=time_attributes
        )
        super().__init__((forms.DateField(input_formats=["%Y-%m-%d"]), OffsetTimeField()), **options)

    def compress(self, data_list: list[Any]) -> datetime | None:
        return datetime.combine(*data_list) if data_list else None


class TicketList(ChangeList):
    """Opens the calendar's last year too, after which Django's date hierarchy would look for the next one."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        parts = {part: found.get(f"starts_at__{part}", [""])[-1] for part in ("year", "month", "day")}
        if parts["year"] != str(LAST_YEAR):
            return found
        others = {name: value for name, value in found.items() if name not in {f"starts_at__{part}" for part in parts}}
        return others | {"starts_at__gte": [datetime(LAST_YEAR, 1, 1, tzinfo=UTC)]}
