"""Filters become clauses, and facets ignore their own filter."""

from decimal import Decimal
from typing import Any

import pytest

from readmodel.tickets.search.facets import price_ranges
from readmodel.tickets.search.filters import clauses_of_filters
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.request_body import request_for

STATUS = {"terms": {"status": ["issued", "canceled"]}}
VENUE = {"terms": {"venue": ["Arena"]}}
CURRENCY = {"term": {"currency": "EUR"}}


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        ({"status": ["issued", "canceled"]}, STATUS),
        ({"venue": ["Arena"]}, VENUE),
        ({"currency": "EUR"}, CURRENCY),
        ({"starts_from": "2027-05-01"}, {"range": {"starts_on": {"gte": "2027-05-01"}}}),
        ({"starts_to": "2027-05-01"}, {"range": {"starts_on": {"lte": "2027-05-01"}}}),
        (
            {"starts_from": "2027-05-01", "starts_to": "2027-05-01T20:00:00Z"},
            {
                "bool": {
                    "filter": [
                        {"range": {"starts_on": {"gte": "2027-05-01"}}},
                        {"range": {"starts_at": {"lte": "2027-05-01T20:00:00+00:00"}}},
                    ]
                }
            },
        ),
        (
            {"starts_to": "2027-05-01", "time_zone": "UTC"},
            {"range": {"starts_at": {"lt": "2027-05-02T00:00:00+00:00"}}},
        ),
        ({"starts_to": "2027-05-01T20:00:00+02:00"}, {"range": {"starts_at": {"lte": "2027-05-01T18:00:00+00:00"}}}),
        (
            {"starts_from": "2027-03-28", "starts_to": "2027-03-28", "time_zone": "Europe/Berlin"},
            {"range": {"starts_at": {"gte": "2027-03-27T23:00:00+00:00", "lt": "2027-03-28T22:00:00+00:00"}}},
        ),
    ],
)
def test_each_filter_is_a_clause(fields: dict[str, Any], clause: dict[str, Any]) -> None:
    assert list(clauses_of_filters(SearchQuery(**fields)).values()) == [clause]


@pytest.mark.parametrize(
    ("prices", "bounds"),
    [
        ({"price_min": Decimal("0.1")}, {"gte": "0.1"}),
        ({"price_min": Decimal(0), "price_max": Decimal("1E+2")}, {"gte": "0", "lte": "100"}),
    ],
)
def test_prices_compare_within_one_currency(prices: dict[str, Any], bounds: dict[str, str]) -> None:
    clauses = clauses_of_filters(SearchQuery(**prices, currency="EUR"))

    assert clauses == {"price": {"bool": {"filter": [{"range": {"price": bounds}}, CURRENCY]}}, "currency": CURRENCY}
    with pytest.raises(ValueError, match="currency: Give the currency of the prices"):
        SearchQuery(**prices)


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-30",
        "2027-05-01T20:00:00",
        "2027-05-01T20:00:00 02:00",
        "9999-12-31T23:00:00-10:00",
        "0001-01-01T00:00+09:00",
        "1899-12-31",
        "2201-01-01",
        "1900-01-01T00:00:00+01:00",
        "9999-12-31",
    ],
)
def test_an_invalid_date_or_an_instant_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="starts_to: Give a date such as 2027-05-01, or an instant with its zone"):
        SearchQuery(starts_to=text)


def test_without_facets_every_filter_is_part_of_the_query() -> None:
    request = request_for(SearchQuery(status=["issued", "canceled"], venue=["Arena"], currency="EUR"))

    assert request["query"]["bool"]["filter"] == [STATUS, VENUE, CURRENCY]
    assert request.keys().isdisjoint({"aggs", "post_filter"})


def test_a_facet_counts_tickets_that_pass_all_filters_but_its_own() -> None:
    query = SearchQuery(status=["issued", "canceled"], venue=["Arena"], currency="EUR", facets=["status", "venue"])

    request = request_for(query)

    assert request["query"]["bool"]["filter"] == [CURRENCY]
    assert request["post_filter"] == {"bool": {"filter": [STATUS, VENUE]}}
    assert request["aggs"]["status"]["filter"] == {"bool": {"filter": [VENUE]}}
    assert request["aggs"]["venue"]["filter"] == {"bool": {"filter": [STATUS]}}


def test_filters_without_a_facet_stay_part_of_the_query() -> None:
    request = request_for(SearchQuery(status=["issued", "canceled"], venue=["Arena"], facets=["price"]))

    assert request["query"]["bool"]["filter"] == [STATUS, VENUE]
    assert "post_filter" not in request


def test_price_ranges_leave_no_gap() -> None:
    ranges = [(each["from"], each.get("to")) for each in price_ranges()]

    assert ranges[:3] == [(0, 25), (25, 50), (50, 100)]
    assert ranges[-1] == (1_000_000, None)
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
