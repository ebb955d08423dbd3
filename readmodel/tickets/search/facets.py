"""Count the hits by status, venue, month and price; each facet ignores its own filter; pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from readmodel.tickets.search.filters import Clause
from readmodel.tickets.search.query import SearchQuery

TOP = 20
BOUNDS = {"min": "1900-01", "max": "2200-12"}
"""The months that can be searched. Tickets of earlier releases may have others."""
PRICES = (0, 25, 50, 100, 250)


class Bucket(msgspec.Struct, frozen=True):
    value: str
    count: int


class Facet(msgspec.Struct, frozen=True):
    """The counts by value, and the number of hits with other values."""

    buckets: Sequence[Bucket]
    others: int = 0


def aggregations_of(query: SearchQuery, filters: Mapping[str, Clause]) -> dict[str, Any]:
    """Return an aggregation for each facet, over the tickets that pass the filters of the other facets."""
    return {
        facet: {
            "filter": {"bool": {"filter": [clause for name, clause in filters.items() if name != facet]}},
            "aggs": {"counts": _counts_by(facet, query.time_zone)},
        }
        for facet in query.facets
    }


def _counts_by(facet: str, time_zone: str) -> dict[str, Any]:
    match facet:
        case "status":
            return {"terms": {"field": "status", "size": TOP}}
        case "venue":
            return {"terms": {"field": "venue", "size": TOP}}
        case "month":
            zone = {"field": "starts_at", "time_zone": time_zone} if time_zone else {"field": "starts_on"}
            month = {"calendar_interval": "month", "format": "yyyy-MM", "min_doc_count": 1, "hard_bounds": BOUNDS}
            return {"date_histogram": {**zone, **month}}
        case _:
            return {"range": {"field": "price", "ranges": price_ranges()}}


def price_ranges() -> list[dict[str, Any]]:
    """Return adjacent ranges; each includes its lower end, but not its upper one."""
    ranges = [{"key": f"{start}-{end}", "from": start, "to": end} for start, end in pairwise(PRICES)]
    return [*ranges, {"key": f"{PRICES[-1]}-", "from": PRICES[-1]}]


def facets_in(answer: Mapping[str, Any]) -> dict[str, Facet]:
    return {name: _facet_in(found["counts"]) for name, found in answer.get("aggregations", {}).items()}


def _facet_in(counts: Mapping[str, Any]) -> Facet:
    buckets = [
        Bucket(bucket.get("key_as_string", bucket["key"]), bucket["doc_count"])
        for bucket in counts["buckets"]
        if bucket["doc_count"]
    ]
    return Facet(buckets, counts.get("sum_other_doc_count", 0))
