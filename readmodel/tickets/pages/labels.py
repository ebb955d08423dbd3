"""The texts that the pages show for values of a ticket; pure."""

from datetime import date, datetime

from tickets.values.venue_time import at_venue, in_words

STATUSES = {"issued": "Issued", "checked_in": "Checked in", "canceled": "Canceled"}
EVENTS = {
    "ticket.issued": "Issued",
    "ticket.updated": "Changed",
    "ticket.checked_in": "Checked in",
    "ticket.check_in_undone": "Check-in undone",
    "ticket.canceled": "Canceled",
    "ticket.reinstated": "Valid again",
    "ticket.corrected": "Corrected",
    "ticket.redacted": "Personal data removed",
}
SORTS = {
    "": "Best match",
    "starts_at": "Earliest first",
    "-starts_at": "Latest first",
    "price": "Lowest price first",
    "-price": "Highest price first",
    "-created_at": "Newest tickets first",
    "created_at": "Oldest tickets first",
}
PARAMETERS = {
    "q": "The words",
    "status": "The status",
    "venue": "The venue",
    "month": "The month",
    "starts_from": "The month",
    "starts_to": "The month",
    "price": "The price",
    "currency": "The currency",
    "sort": "The order",
    "page": "The page",
}


def label_of(facet: str, value: str) -> str:
    """Return the label of a facet's value."""
    match facet:
        case "status":
            return STATUSES.get(value, value)
        case "month":
            return _month_in(value)
        case "price":
            return _prices_in(value)
        case _:
            return value


def _prices_in(text: str) -> str:
    prices, _, currency = text.partition(" ")
    start, *ends = (f"{int(price):,}" for price in prices.split("-") if price)
    return f"{start} to below {ends[0]} {currency}" if ends else f"{start} {currency} and more"


def _month_in(text: str) -> str:
    try:
        return f"{date.fromisoformat(f'{text}-01'):%B %Y}"
    except ValueError:
        return text  # It is beyond the calendar.


def moment_in(text: str, time_zone: str) -> str:
    """Format an instant as the local time at the venue."""
    return in_words(at_venue(datetime.fromisoformat(text), time_zone))


def behind_in_words(seconds: float) -> str:
    """Format the read model's lag."""
    if seconds < 1:
        return "Up to date"
    if seconds < 120:  # noqa: PLR2004 (two minutes)
        return f"{seconds:.0f} s behind"
    return f"{seconds:,.0f} s ({seconds / 60:,.0f} min) behind"
