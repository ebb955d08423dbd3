"""Filter, count and sort tickets, on a real Elasticsearch."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from readmodel.index.document_index import shared_index
from readmodel.search.time_bounds import TIME_ZONES
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.request_body import request_for
from readmodel.tickets.search.search import search
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.ticket_events import SOME_DAY

CONCERTS = (
    {
        "title": "a",
        "venue": "Arena Berlin",
        "price": Decimal("9.99"),
        "starts_at": datetime(2027, 4, 30, 22, tzinfo=UTC),
    },
    {"title": "b", "venue": "Arena Berlin", "price": Decimal(25), "status": "canceled"},
    {"title": "c", "venue": "Arena", "price": Decimal("24.99"), "currency": "USD"},
    {"title": "d", "venue": "Hall", "price": Decimal(300), "starts_at": datetime(2027, 6, 1, tzinfo=UTC)},
)


def counts(facet: str, **fields: Any) -> dict[str, int]:
    found = search(SearchQuery(facets=[facet], **fields)).facets[facet]
    return {bucket.value: bucket.count for bucket in found.buckets}


@pytest.mark.parametrize(
    ("fields", "titles"),
    [
        ({"status": ["issued"]}, "acd"),
        ({"status": ["issued", "canceled"]}, "abcd"),
        ({"venue": ["Arena"]}, "c"),
        ({"venue": ["Arena", "Hall"]}, "cd"),
        ({"venue": ["arena"]}, ""),
        ({"currency": "USD"}, "c"),
        ({"price_min": Decimal(25), "currency": "EUR"}, "bd"),
        ({"price_max": Decimal("24.99"), "currency": "EUR"}, "a"),
        ({"price_max": Decimal("24.99"), "currency": "USD"}, "c"),
        ({"price_min": Decimal("9.99"), "price_max": Decimal("9.99"), "currency": "EUR"}, "a"),
        ({"starts_from": "2027-05-01"}, "bcd"),
        ({"starts_from": "2027-05-01", "time_zone": "Europe/Berlin"}, "abcd"),
        ({"starts_to": "2027-05-01", "time_zone": "Asia/Tokyo"}, "a"),
        ({"starts_to": "2027-05-31"}, "abc"),
        ({"starts_to": "2027-06-01T02:00:00+02:00"}, "abcd"),
        ({"starts_from": "2027-06-01T00:00:00.001Z"}, ""),
        ({"q": "arena", "status": ["issued"], "price_max": Decimal(10), "currency": "EUR"}, "a"),
    ],
)
def test_filters_narrow_a_search(shelf: Shelf, fields: dict[str, Any], titles: str) -> None:
    shelf.hold(*CONCERTS)

    assert "".join(sorted(shelf.found(**{"q": ""} | fields))) == titles


def test_facets_count_the_hits_without_their_own_filter(shelf: Shelf) -> None:
    shelf.hold(*CONCERTS)

    assert counts("status") == {"issued": 3, "canceled": 1}
    assert counts("status", status=["canceled"]) == {"issued": 3, "canceled": 1}
    assert counts("status", status=["canceled"], venue=["Arena Berlin"]) == {"issued": 1, "canceled": 1}
    assert counts("venue", status=["canceled"], venue=["Hall"]) == {"Arena Berlin": 1}
    assert counts("venue", q="arena", currency="USD") == {"Arena": 1}
    assert counts("currency", price_max=Decimal(30), currency="EUR") == {"EUR": 2}
    assert counts("currency", currency="USD") == {"EUR": 3, "USD": 1}


def test_prices_are_counted_in_one_currency_only(shelf: Shelf) -> None:
    shelf.hold(*CONCERTS, {"price": Decimal(40_000), "currency": "KRW", "venue": "Seoul"})

    assert counts("price") == {}
    assert counts("price", currency="EUR") == {"0-25": 1, "25-50": 1, "250-500": 1}
    assert counts("price", price_min=Decimal(200), currency="EUR", status=["issued"]) == {"0-25": 1, "250-500": 1}
    assert counts("price", venue=["Seoul"]) == {"25000-50000": 1}
    assert search(SearchQuery(facets=["price"], venue=["Seoul"])).facets["price"].currency == "KRW"
    assert [hit.document["price"] for hit in search(SearchQuery(sort="price", page_size=4)).hits] == [
        "9.99",
        "25",
        "300",
        "40000",
    ]


def test_hits_pass_the_filters_of_the_facets_too(shelf: Shelf) -> None:
    shelf.hold(*CONCERTS)

    page = search(SearchQuery(facets=["status", "venue", "month", "price"], status=["issued"], venue=["Arena"]))

    assert ([hit.document["title"] for hit in page.hits], page.count) == (["c"], 1)


def test_months_are_those_of_the_time_zone(shelf: Shelf) -> None:
    shelf.hold(*CONCERTS)

    assert counts("month") == {"2027-04": 1, "2027-05": 2, "2027-06": 1}
    assert counts("month", time_zone="Europe/Berlin") == {"2027-05": 3, "2027-06": 1}
    assert counts("month", starts_from="2027-06-01") == {"2027-04": 1, "2027-05": 2, "2027-06": 1}


def test_without_a_time_zone_days_and_months_are_those_at_the_venue(shelf: Shelf) -> None:
    late = datetime(2027, 5, 31, 20, tzinfo=UTC)
    shelf.hold(
        {"title": "tokyo", "starts_at": late, "time_zone": "Asia/Tokyo"},
        {"title": "lima", "starts_at": late + timedelta(hours=6), "time_zone": "America/Lima"},
    )

    assert counts("month") == {"2027-05": 1, "2027-06": 1}
    assert shelf.found("", starts_from="2027-06-01") == ["tokyo"]
    assert shelf.found("", starts_to="2027-05-31") == ["lima"]
    assert shelf.found("", starts_from="2027-05-31", starts_to="2027-05-31T20:00:00Z") == ["tokyo"]


def test_tickets_of_years_that_are_refused_now_are_found_and_not_counted_by_month(shelf: Shelf) -> None:
    years = {"far": 9999, "near": 2027, "first": 1}
    shelf.hold(
        *({"title": name, "starts_at": datetime(year, 12, 31, 23, 30, tzinfo=UTC)} for name, year in years.items())
    )

    assert shelf.found("") == ["first", "near", "far"]
    for time_zone in ("", "Asia/Tokyo", "America/Lima"):
        assert list(counts("month", time_zone=time_zone)) == ["2028-01" if time_zone == "Asia/Tokyo" else "2027-12"]


def test_elasticsearch_knows_every_time_zone(shelf: Shelf) -> None:
    shelf.hold({})
    zones = sorted(TIME_ZONES)

    requests = [request_for(SearchQuery(facets=["month"], time_zone=zone)) for zone in zones]
    answers = [answer for some in batched(requests, 50, strict=False) for answer in shelf.index.search_many(list(some))]

    assert len(answers) == len(zones) > 400


def test_venues_beyond_the_twenty_most_frequent_are_counted_together(shelf: Shelf) -> None:
    shelf.hold(*({"venue": f"Venue {number}"} for number in range(22)), {"venue": "Venue 21"})

    facet = search(SearchQuery(facets=["venue"])).facets["venue"]

    assert (facet.buckets[0].value, facet.buckets[0].count) == ("Venue 21", 2)
    assert (len(facet.buckets), facet.others) == (20, 2)


def test_venues_are_counted_over_all_shards_of_an_index(elasticsearch: Elasticsearch, settings: Settings) -> None:
    settings.READMODEL_SHARDS = 4
    shelf = Shelf(shared_index(TicketDocuments), elasticsearch)
    shelf.hold(*({"venue": f"Venue {number % 80:02}"} for number in range(240)))

    facet = search(SearchQuery(facets=["venue"])).facets["venue"]

    assert [bucket.count for bucket in facet.buckets] == [3] * 20


def test_a_chosen_venue_is_counted_also_if_it_is_rare_or_typed_in_another_form(shelf: Shelf) -> None:
    shelf.hold(
        *({"venue": f"Venue {number % 22}"} for number in range(44)), {"venue": "Rare"}, {"venue": "Ope\u0301ra"}
    )
    query = SearchQuery(facets=["venue"], venue=["Rare", "Ope\u0301ra"])

    facet = search(query).facets["venue"]

    assert [(bucket.value, bucket.count) for bucket in facet.buckets[20:]] == [("Rare", 1), ("Opéra", 1)]
    assert (search(query).count, facet.others) == (2, 4)


def test_a_page_keeps_the_values_that_a_filter_leaves_without_tickets(shelf: Shelf) -> None:
    shelf.hold(*CONCERTS)
    query = SearchQuery(facets=["status", "venue"], status=["canceled"], keeps_choices=True)

    venues = search(query).facets["venue"]

    assert [(bucket.value, bucket.count) for bucket in venues.buckets] == [("Arena Berlin", 1)]
    assert [(bucket.value, bucket.count) for bucket in venues.offered] == [
        ("Arena Berlin", 1),
        ("Arena", 0),
        ("Hall", 0),
    ]


@pytest.mark.parametrize(
    ("order", "titles"),
    [
        ("starts_at", "abc"),
        ("-starts_at", "cba"),
        ("price", "bca"),
        ("-price", "acb"),
        ("created_at", "cab"),
        ("-created_at", "bac"),
        ("relevance", "abc"),
    ],
)
def test_hits_are_in_the_order_asked_for(shelf: Shelf, order: str, titles: str) -> None:
    def day(number: int) -> datetime:
        return SOME_DAY + timedelta(days=number)

    shelf.hold(
        {"title": "a", "starts_at": day(1), "price": Decimal(100), "created_at": day(2)},
        {"title": "b", "starts_at": day(2), "price": Decimal("9.5"), "created_at": day(3)},
        {"title": "c", "starts_at": day(3), "price": Decimal(20), "created_at": day(1)},
    )

    assert "".join(shelf.found("", sort=order)) == titles
    assert "".join(shelf.found("ada", sort=order)) == titles
