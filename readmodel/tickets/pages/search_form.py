"""Turn the parameters of the search page's form into a query; pure."""

import re
from calendar import monthrange
from decimal import Decimal
from itertools import zip_longest

from django.http import QueryDict

from readmodel.exceptions import InvalidSearch
from readmodel.tickets.search.facets import PRICES
from readmodel.tickets.search.query import FACETS, SearchQuery

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
SMALLEST = Decimal("0.001")
FILTERS = ("status", "venue", "month", "price")
SINGLE = ("q", "month", "price", "sort", "page")
RANGES = {f"{start}-{end or ''}": (start, end) for start, end in zip_longest(PRICES, PRICES[1:])}


def query_from(parameters: QueryDict) -> SearchQuery:
    """Return the query; raise InvalidSearch with a message for each invalid parameter."""
    _refuse_repetition(parameters)
    starts_from, starts_to = _days_of(parameters.get("month", ""))
    price_min, price_max = _prices_of(parameters.get("price", ""))
    return SearchQuery(
        q=parameters.get("q", ""),
        status=_given(parameters, "status"),
        venue=_given(parameters, "venue"),
        starts_from=starts_from,
        starts_to=starts_to,
        price_min=price_min,
        price_max=price_max,
        sort=parameters.get("sort", ""),
        facets=FACETS,
        page=_page_number(parameters.get("page") or "1"),
    )


def _refuse_repetition(parameters: QueryDict) -> None:
    """Raise InvalidSearch if a parameter with one value has several: which one counts would be a guess."""
    if repeated := [name for name in SINGLE if len(parameters.getlist(name)) > 1]:
        raise InvalidSearch(dict.fromkeys(repeated, "Give it only once."))


def _given(parameters: QueryDict, name: str) -> list[str]:
    return [value for value in parameters.getlist(name) if value]


def _days_of(month: str) -> tuple[str, str]:
    """Return the first and the last day of a month such as 2027-05, two empty texts for no month."""
    if not month:
        return "", ""
    if not (found := MONTH.fullmatch(month)):
        raise InvalidSearch({"month": f"{month[:50]!r} is not a month such as 2027-05."})
    _, last_day = monthrange(int(found[1]), int(found[2]))
    return f"{month}-01", f"{month}-{last_day}"


def _prices_of(name: str) -> tuple[Decimal | None, Decimal | None]:
    """Return the lowest and the highest price of a range; its upper end belongs to the next range."""
    if not name:
        return None, None
    if name not in RANGES:
        raise InvalidSearch({"price": f"{name[:50]!r} is not a range of prices; use one of {', '.join(RANGES)}."})
    start, end = RANGES[name]
    return Decimal(start), Decimal(end) - SMALLEST if end else None


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InvalidSearch({"page": f"{text[:50]!r} is not a page number."})
    return int(text[:9])
