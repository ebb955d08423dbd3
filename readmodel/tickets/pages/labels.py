"""The texts that the pages show for values of a ticket, in the reader's language; pure."""

from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext, gettext_lazy, ngettext

from tickets.values import written
from tickets.values.venue_time import at_venue

STATUSES = {
    "issued": gettext_lazy("Issued"),
    "checked_in": gettext_lazy("Checked in"),
    "canceled": gettext_lazy("Canceled"),
}
EVENTS = {
    "ticket.issued": gettext_lazy("Issued"),
    "ticket.updated": gettext_lazy("Changed"),
    "ticket.checked_in": gettext_lazy("Checked in"),
    "ticket.check_in_undone": gettext_lazy("Check-in undone"),
    "ticket.canceled": gettext_lazy("Canceled"),
    "ticket.reinstated": gettext_lazy("Valid again"),
    "ticket.corrected": gettext_lazy("Corrected"),
    "ticket.redacted": gettext_lazy("Personal data removed"),
}
SUGGESTED = {
    "title": gettext_lazy("Title"),
    "venue": gettext_lazy("Venue"),
    "holder_name": gettext_lazy("Holder"),
    "code": gettext_lazy("Code"),
}
SORTS = {
    "": gettext_lazy("Best match"),
    "starts_at": gettext_lazy("Earliest first"),
    "-starts_at": gettext_lazy("Latest first"),
    "price": gettext_lazy("Lowest price first"),
    "-price": gettext_lazy("Highest price first"),
    "-created_at": gettext_lazy("Newest tickets first"),
    "created_at": gettext_lazy("Oldest tickets first"),
}
FACETS = {
    "status": gettext_lazy("Status"),
    "venue": gettext_lazy("Venue"),
    "month": gettext_lazy("Month"),
    "price": gettext_lazy("Price"),
    "currency": gettext_lazy("Currency"),
}
PARAMETERS = {
    "q": gettext_lazy("The words"),
    "status": gettext_lazy("The status"),
    "venue": gettext_lazy("The venue"),
    "month": gettext_lazy("The month"),
    "starts_from": gettext_lazy("The first day"),
    "starts_to": gettext_lazy("The last day"),
    "price": gettext_lazy("The price"),
    "currency": gettext_lazy("The currency"),
    "sort": gettext_lazy("The order"),
    "page": gettext_lazy("The page"),
}


def label_of(facet: str, value: str) -> str:
    """Return the label of a facet's value."""
    match facet:
        case "status":
            return str(STATUSES.get(value, value))
        case "month":
            return _month_in(value)
        case "price":
            return _prices_in(value)
        case "starts_from":
            return gettext("from %(day)s") % {"day": written.day(date.fromisoformat(value))}
        case "starts_to":
            return gettext("to %(day)s") % {"day": written.day(date.fromisoformat(value))}
        case _:
            return value


def _prices_in(text: str) -> str:
    prices, _, currency = text.partition(" ")
    start, *ends = (written.number(int(price)) for price in prices.split("-") if price)
    if ends:
        return gettext("%(start)s to below %(end)s %(currency)s") % {
            "start": start,
            "end": ends[0],
            "currency": currency,
        }
    return gettext("%(start)s %(currency)s and more") % {"start": start, "currency": currency}


def _month_in(text: str) -> str:
    try:
        return written.month(date.fromisoformat(f"{text}-01"))
    except ValueError:
        return text  # It is beyond the calendar.


def moment_in(text: str, time_zone: str) -> str:
    """Format an instant as the local time at the venue."""
    return written.moment(at_venue(datetime.fromisoformat(text), time_zone))


def amount_in(price: str | Decimal, currency: str) -> str:
    return written.price(Decimal(price), currency)


def behind_in_words(seconds: float) -> str:
    """Format the read model's lag."""
    if seconds < 1:
        return gettext("Up to date")
    if seconds < 120:  # noqa: PLR2004 (two minutes)
        return gettext("%(seconds)s s behind") % {"seconds": written.number(seconds)}
    minutes = round(seconds / 60)
    words = ngettext("%(minutes)s minute behind", "%(minutes)s minutes behind", minutes)
    return words % {"minutes": written.number(minutes)}
