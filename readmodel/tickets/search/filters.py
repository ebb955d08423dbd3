"""Turn a query's filters into clauses of Elasticsearch's query language; pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from readmodel.search.time_bounds import end_of, is_day, start_of
from readmodel.tickets.search.query import SearchQuery

type Clause = Mapping[str, Any]


def clauses_of_filters(query: SearchQuery) -> dict[str, Clause]:
    """Return the clause of each filter that is set, by the name of its facet."""
    return dict(_given_filters(query))


def _given_filters(query: SearchQuery) -> Iterator[tuple[str, Clause]]:
    if query.status:
        yield "status", {"terms": {"status": list(query.status)}}
    if query.venue:
        yield "venue", {"terms": {"venue": query.venues}}
    if times := _bounds_of_start(query):
        ranges = [{"range": {name: bounds}} for name, bounds in times.items()]
        yield "month", ranges[0] if len(ranges) == 1 else {"bool": {"filter": ranges}}
    if prices := _bounds_of_price(query):
        yield "price", {"bool": {"filter": [{"range": {"price": prices}}, _of_currency(query)]}}
    if query.currency:
        yield "currency", _of_currency(query)


def _of_currency(query: SearchQuery) -> Clause:
    return {"term": {"currency": query.currency}}


def _bounds_of_start(query: SearchQuery) -> dict[str, dict[str, str]]:
    """Return the bounds by field: days without a time zone are those at the venue."""
    bounds: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for text, is_start in ((query.starts_from, True), (query.starts_to, False)):
        if text and is_day(text) and not query.time_zone:
            bounds["starts_on"]["gte" if is_start else "lte"] = text
        elif text:
            limit = start_of(text, query.time_zone) if is_start else end_of(text, query.time_zone)
            comparison = "gte" if is_start else "lte" if limit.is_included else "lt"
            bounds["starts_at"][comparison] = limit.instant.isoformat()
    return bounds


def _bounds_of_price(query: SearchQuery) -> dict[str, str]:
    prices = {"gte": query.price_min, "lte": query.price_max}
    return {bound: f"{price:f}" for bound, price in prices.items() if price is not None}
