"""Turn the parameters of the search page's form into a query; pure."""

import re
from calendar import monthrange
from decimal import Decimal

from django.http import QueryDict
from django.utils.translation import gettext as _

from readmodel.exceptions import InvalidSearch
from readmodel.tickets.search.query import FACETS, SearchQuery

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
SMALLEST = Decimal("0.001")
DATES = ("starts_from", "starts_to")
FILTERS = ("status", "venue", "month", "currency", "price")
SINGLE = ("q", "month", *DATES, "currency", "price", "sort", "page")
PRICE = re.compile(r"(\d{1,8})-(\d{0,8}) ([A-Z]{3})", re.ASCII)


def query_from(parameters: QueryDict) -> SearchQuery:
    """Return the query; raise InvalidSearch with a message for each invalid parameter."""
    _refuse_repetition(parameters)
    starts_from, starts_to = _period_of(parameters)
    price_min, price_max, currency = _prices_of(parameters.get("price", ""))
    return SearchQuery(
        q=parameters.get("q", ""),
        status=_given(parameters, "status"),
        venue=_given(parameters, "venue"),
        starts_from=starts_from,
        starts_to=starts_to,
        price_min=price_min,
        price_max=price_max,
        currency=currency or parameters.get("currency", ""),
        sort=parameters.get("sort", ""),
        facets=FACETS,
        keeps_choices=True,
        page=_page_number(parameters.get("page") or "1"),
    )


def _refuse_repetition(parameters: QueryDict) -> None:
    """Raise InvalidSearch if a parameter with one value has several: which one counts would be a guess."""
    if repeated := [name for name in SINGLE if len(parameters.getlist(name)) > 1]:
        raise InvalidSearch(dict.fromkeys(repeated, _("Give it only once.")))


def _given(parameters: QueryDict, name: str) -> list[str]:
    return [value for value in parameters.getlist(name) if value]


def _period_of(parameters: QueryDict) -> tuple[str, str]:
    """Return the days from which and to which tickets start: within the month, and within the dates."""
    of_month = _days_of(parameters.get("month", ""))
    start, end = (parameters.get(name, "") for name in DATES)
    if not all(DAY.fullmatch(day) for day in (start, end) if day):
        raise InvalidSearch(dict.fromkeys(DATES, _("Write a date such as 2027-05-01.")))
    return max(of_month[0], start), min(filter(None, (of_month[1], end)), default="")


def _days_of(month: str) -> tuple[str, str]:
    """Return the first and the last day of a month such as 2027-05, two empty texts for no month."""
    if not month:
        return "", ""
    if not (found := MONTH.fullmatch(month)):
        raise InvalidSearch({"month": _("%(text)r is not a month such as 2027-05.") % {"text": month[:50]}})
    last_day = monthrange(int(found[1]), int(found[2]))[1]
    return f"{month}-01", f"{month}-{last_day}"


def without_contradictions(parameters: QueryDict) -> QueryDict:
    """Return the parameters without a price in another currency than the chosen one."""
    price, currency = PRICE.fullmatch(parameters.get("price", "")), parameters.get("currency", "")
    if not (price and currency and price[3] != currency):
        return parameters
    cleared = parameters.copy()
    del cleared["price"]
    return cleared


def _prices_of(text: str) -> tuple[Decimal | None, Decimal | None, str]:
    """Return the lowest and the highest price of a range, whose upper end belongs to the next one, and the currency."""
    if not text:
        return None, None, ""
    if not (found := PRICE.fullmatch(text)):
        refusal = _("%(text)r is not a range of prices such as '25-50 EUR' or '250- EUR'.")
        raise InvalidSearch({"price": refusal % {"text": text[:50]}})
    start, end, currency = found.groups()
    return Decimal(start), Decimal(end) - SMALLEST if end else None, currency


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InvalidSearch({"page": _("%(text)r is not a page number.") % {"text": text[:50]}})
    return int(text[:9])
