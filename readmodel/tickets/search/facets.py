"""Count the hits by status, venue, month, price and currency; each facet ignores its own filter; pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from readmodel.tickets.search.filters import Clause
from readmodel.tickets.search.query import SearchQuery

TOP = 20
TOP_OF_SHARD = 1_000
"""Each shard tells the counts of so many values: one that is rare in a shard may be frequent in the others."""
BOUNDS = {"min": "1900-01", "max": "2200-12"}
"""The months that can be searched. Tickets of earlier releases may have others."""
PRICES = (0, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)
"""The ends of the ranges, for any currency: only ranges with tickets are offered."""
OFFERED = "_offered"


class Bucket(msgspec.Struct, frozen=True):
    value: str
    count: int


class Facet(msgspec.Struct, frozen=True):
    """The counts by value, and the number of hits with other values."""

    buckets: Sequence[Bucket]
    others: int = 0
    offered: Sequence[Bucket] = ()
    """The same counts for the values that a search without filters has, in the order of that search."""
    currency: str = ""
    """The currency of all the prices. Prices in several currencies don't compare, so they have no buckets."""


def aggregations_of(query: SearchQuery, filters: Mapping[str, Clause]) -> dict[str, Any]:
    """Return an aggregation for each facet, over the tickets that pass the filters of the other facets."""
    aggregations = {}
    for facet in query.facets:
        others = {"filter": {"bool": {"filter": [clause for name, clause in filters.items() if name != facet]}}}
        counted = {"counts": _counts_by(facet, query)} | _counts_of_chosen(facet, query)
        aggregations[facet] = others | {"aggs": counted}
        if query.keeps_choices and others["filter"]["bool"]["filter"]:
            aggregations[facet + OFFERED] = _counts_by(facet, query, {"passing": others})
    return aggregations


def _counts_of_chosen(facet: str, query: SearchQuery) -> dict[str, Any]:
    """Count the chosen venues by themselves, since they need not be among the most frequent."""
    clauses = [{"term": {"venue": venue}} for venue in query.venues] if facet == "venue" else []
    return {"chosen": {"filters": {"filters": clauses}}} if clauses else {}


def _counts_by(facet: str, query: SearchQuery, inner: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the aggregation, with others within each of its buckets."""
    within = {"aggs": inner} if inner else {}
    match facet:
        case "month":
            zone = {"field": "starts_at", "time_zone": query.time_zone} if query.time_zone else {"field": "starts_on"}
            month = {"calendar_interval": "month", "format": "yyyy-MM", "min_doc_count": 1, "hard_bounds": BOUNDS}
            return {"date_histogram": {**zone, **month}, **within}
        case "price":
            ranges = {"range": {"field": "price", "ranges": price_ranges()}, **within}
            chosen = {"include": [query.currency]} if query.currency else {}
            return {"terms": {"field": "currency", "size": 2, **chosen}, "aggs": {"ranges": ranges}}
        case _:
            return {"terms": {"field": facet, "size": TOP, "shard_size": TOP_OF_SHARD}, **within}


def price_ranges() -> list[dict[str, Any]]:
    """Return adjacent ranges; each includes its lower end, but not its upper one."""
    ranges = [{"key": f"{start}-{end}", "from": start, "to": end} for start, end in pairwise(PRICES)]
    return [*ranges, {"key": f"{PRICES[-1]}-", "from": PRICES[-1]}]


def facets_in(query: SearchQuery, answer: Mapping[str, Any]) -> dict[str, Facet]:
    found = answer.get("aggregations", {})
    return {name: _facet_in(query, found[name], found.get(name + OFFERED)) for name in query.facets if name in found}


def _facet_in(query: SearchQuery, found: Mapping[str, Any], offered: Mapping[str, Any] | None) -> Facet:
    counts, currency = _within_one_currency(found["counts"])
    buckets = [Bucket(_value_of(bucket), bucket["doc_count"]) for bucket in counts if bucket["doc_count"]]
    buckets = [*buckets, *_others_chosen(query, found, {bucket.value for bucket in buckets})]
    stable = _within_one_currency(offered)[0] if offered else []
    kept = [Bucket(_value_of(each), each["passing"]["doc_count"]) for each in stable if each["doc_count"]]
    shown = {bucket.value: bucket.count for bucket in (*kept, *buckets)}
    return Facet(buckets, found["doc_count"] - sum(shown.values()), kept, currency)


def _within_one_currency(counts: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Return the buckets; those of prices, with their currency, only if all are in one."""
    buckets = counts["buckets"]
    if not any("ranges" in bucket for bucket in buckets):
        return buckets, ""
    [first, *others] = buckets
    return ([], "") if others else (first["ranges"]["buckets"], first["key"])


def _others_chosen(query: SearchQuery, found: Mapping[str, Any], known: Iterable[str]) -> list[Bucket]:
    counts = found.get("chosen", {"buckets": []})["buckets"]
    chosen = zip(query.venues, counts, strict=False)
    return [Bucket(venue, each["doc_count"]) for venue, each in chosen if each["doc_count"] and venue not in known]


def _value_of(bucket: Mapping[str, Any]) -> str:
    return bucket.get("key_as_string", bucket["key"])  # type: ignore[no-any-return]
