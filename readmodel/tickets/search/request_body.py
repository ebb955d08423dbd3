"""Build the body of a search request; pure. The cost of the search is bounded for any input."""

from typing import Any

from readmodel.tickets.search.facets import aggregations_of
from readmodel.tickets.search.filters import clauses_of_filters
from readmodel.tickets.search.matching import FIELDS, clauses_of_venue, text_clause
from readmodel.tickets.search.query import HIGHLIGHTS, RELEVANCE, SearchQuery

# Elasticsearch refuses a search that takes longer, rather than answering a part of the hits.
TIMEOUT = "2s"


def request_for(query: SearchQuery) -> dict[str, Any]:
    """Return the request for the first hits of the query, in a definite order."""
    filters = clauses_of_filters(query)
    # Filters of requested facets apply after the aggregations, since a facet ignores its own filter.
    chosen = {name: clause for name, clause in filters.items() if name in query.facets}
    always = [clause for name, clause in filters.items() if name not in chosen] + clauses_of_venue(query)
    request: dict[str, Any] = {
        "query": {"bool": {"filter": always, "must": text_clause(query)}},
        "sort": _sort_by(query.order),
        "size": query.page_size,
        "track_total_hits": True,
        "timeout": TIMEOUT,
        "_source": _shown(query),
    }
    if chosen:
        request["post_filter"] = {"bool": {"filter": list(chosen.values())}}
    if query.facets:
        request["aggs"] = aggregations_of(query, chosen)
    return request


def page_request(query: SearchQuery) -> dict[str, Any]:
    return request_for(query) | {"from": (query.page - 1) * query.page_size}


def _sort_by(order: str) -> list[dict[str, str]]:
    if order == RELEVANCE:
        return [{"_score": "desc"}, {"starts_at": "asc"}, {"id": "asc"}]
    field = order.removeprefix("-")
    # Prices compare within one currency.
    first = [{"currency": "asc"}] if field == "price" else []
    return [*first, {field: "desc" if order.startswith("-") else "asc"}, {"id": "asc"}]


def _shown(query: SearchQuery) -> dict[str, list[str]]:
    """Return the fields of the documents to fetch; highlights need the searched ones."""
    if not query.fields:
        return {"excludes": ["folded*", "starts_on"]}
    others = {*query.fields, *(FIELDS if query.wants_highlights else ())} - {HIGHLIGHTS}
    return {"includes": sorted(others)}
