"""List the shows that are coming up, with the number of their tickets by status."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from readmodel.index.document_index import shared_index
from readmodel.tickets.documents import TicketDocuments

MOST_SHOWS = 20
STILL_ON = timedelta(hours=3)
"""A show that began so short a time ago is still shown: people come late."""
TIMEOUT = "2s"
SOURCES = ("starts_at", "title", "venue")


class Show(msgspec.Struct, frozen=True):
    """A show is what the tickets with the same title, venue and start are for."""

    title: str
    venue: str
    starts_at: str
    """The local time at the venue."""
    time_zone: str
    counts: Mapping[str, int]
    """The numbers of tickets by status."""


def coming_up(now: datetime | None = None) -> list[Show]:
    """Return the next shows, the earliest first; raise like search()."""
    answer = shared_index(TicketDocuments).search(request_for_shows(now or timezone.now()))
    return [_show_in(bucket) for bucket in answer["aggregations"]["shows"]["buckets"]]


def request_for_shows(now: datetime) -> dict[str, Any]:
    sources: Sequence[Mapping[str, Any]] = [{name: {"terms": {"field": name}}} for name in SOURCES]
    inner = {
        "status": {"terms": {"field": "status"}},
        "first": {"top_hits": {"size": 1, "_source": ["starts_at", "time_zone"]}},
    }
    return {
        "query": {"bool": {"filter": [{"range": {"starts_at": {"gte": (now - STILL_ON).isoformat()}}}]}},
        "size": 0,
        "track_total_hits": False,
        "timeout": TIMEOUT,
        "aggs": {"shows": {"composite": {"size": MOST_SHOWS, "sources": sources}, "aggs": inner}},
    }


def _show_in(bucket: Mapping[str, Any]) -> Show:
    [first] = bucket["first"]["hits"]["hits"]
    counts = {each["key"]: each["doc_count"] for each in bucket["status"]["buckets"]}
    key = bucket["key"]
    shown = first["_source"]
    return Show(key["title"], key["venue"], shown["starts_at"], shown.get("time_zone", ""), counts)
