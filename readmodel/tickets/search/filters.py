"""Turn a query's filters into clauses of Elasticsearch's query language; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from readmodel.search.time_bounds import end_of, start_of
from readmodel.tickets.search.query import SearchQuery

type Clause = Mapping[str, Any]


def clauses_of_filters(query: SearchQuery) -> dict[str, Clause]:
    """Return the clause of each filter that is set, by the name of its facet."""
    return dict(_given_filters(query))


def _given_filters(query: SearchQuery) -> Iterator[tuple[str, Clause]]:
    if query.status:
        yield "status", {"terms": {"status": list(query.status)}}
    if query.venue:
        yield "venue", {"terms": {"venue": list(query.venue)}}
    if times := _bounds_of_start(query):
        yield "month", {"range": {"starts_at": times}}
    if prices := _bounds_of_price(query):
        yield "price", {"range": {"price": prices}}
    if query.currency:
        yield "currency", {"term": {"currency": query.currency}}


def _bounds_of_start(query: SearchQuery) -> dict[str, str]:
    bounds = {}
    if query.starts_from:
        bounds["gte"] = start_of(query.starts_from, query.time_zone).instant.isoformat()
    if query.starts_to:
        end = end_of(query.starts_to, query.time_zone)
        bounds["lte" if end.is_included else "lt"] = end.instant.isoformat()
    return bounds


def _bounds_of_price(query: SearchQuery) -> dict[str, str]:
    prices = {"gte": query.price_min, "lte": query.price_max}
    return {bound: f"{price:f}" for bound, price in prices.items() if price is not None}
