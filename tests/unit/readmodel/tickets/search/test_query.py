"""Invalid queries are refused, pages follow each other, and the cost of a search is bounded."""

import json
from decimal import Decimal
from typing import Any

import pytest

from readmodel.tickets.documents import TicketDocument
from readmodel.tickets.search.matching import text_clause
from readmodel.tickets.search.query import HIGHLIGHTS, MEMBERS, SORTS, InvalidSearch, SearchQuery
from readmodel.tickets.search.request_body import page_request, request_for
from readmodel.tickets.search.search import SearchPage


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"q": "x" * 201}, "q: At most 200 characters, not 201."),
        ({"q": "\udcff"}, "q: This is not valid text; it must be UTF-8."),
        ({"q": "\ufdfa" * 20}, "q: At most 200 characters, not 360."),
        ({"q": "a " * 21}, "q: At most 20 words, not 21."),
        ({"status": ["lost"]}, "status: 'lost' is not a status; use issued, checked_in, canceled."),
        ({"status": ["issued"] * 4}, "status: At most 3 values, not 4."),
        ({"venue": ["A"] * 11}, "venue: At most 10 values, not 11."),
        ({"venue": ["x" * 201]}, "venue: At most 200 characters each."),
        ({"venue": ["\ud800"]}, "venue: This is not valid text; it must be UTF-8."),
        ({"starts_from": "tomorrow"}, "starts_from: Give a date such as 2027-05-01, or an instant with its zone"),
        ({"starts_from": "2027-05-02", "starts_to": "2027-05-01"}, "starts_to: This is before starts_from."),
        ({"time_zone": "Factory"}, "time_zone: 'Factory' is not a time zone such as Europe/Berlin or UTC."),
        ({"price_min": Decimal(-1), "currency": "EUR"}, "price_min: Must be from 0 to 99,999,999.999."),
        ({"price_max": Decimal("NaN"), "currency": "EUR"}, "price_max: Must be from 0 to 99,999,999.999."),
        (
            {"price_min": Decimal(2), "price_max": Decimal(1), "currency": "EUR"},
            "price_max: This is less than price_min.",
        ),
        ({"currency": "EURO"}, "currency: Must be three capital letters such as EUR."),
        ({"sort": "seat"}, "sort: 'seat' is not an order; use relevance, starts_at, -starts_at, price"),
        ({"fields": ["folded"]}, "fields: 'folded' is not a member of a ticket; use id, code"),
        ({"facets": ["seat"]}, "facets: 'seat' is not a facet; use status, venue, month, price, currency."),
        ({"page_size": 0}, "page_size: Must be from 1 to 100, not 0."),
        ({"page_size": 101}, "page_size: Must be from 1 to 100, not 101."),
        ({"page": 0}, "page: Must be from 1 to 400, not 0: only the first 10,000 hits"),
        ({"page": 401}, "page: Must be from 1 to 400, not 401: only the first 10,000 hits"),
        ({"page": 3_334, "page_size": 3}, "page: Must be from 1 to 3333, not 3334"),
    ],
)
def test_an_invalid_search_names_the_parameter(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSearch) as raised:
        SearchQuery(**fields)

    assert str(raised.value).startswith(message)
    assert list(raised.value.errors) == [message.partition(":")[0]]


def test_all_invalid_parameters_are_named_at_once() -> None:
    with pytest.raises(InvalidSearch) as raised:
        SearchQuery(q="x" * 201, venue=["A"] * 11, starts_to="soon", currency="x", page=0)

    assert raised.value.errors.keys() == {"q", "venue", "starts_to", "currency", "page"}


def test_control_characters_separate_words() -> None:
    words = SearchQuery(q="\x00kafka\x1b[31m\n night ").words

    assert [word.joined for word in words] == ["kafka", "31m", "night"]


def test_members_are_the_shown_fields_of_a_document() -> None:
    hidden = {name for name in TicketDocument.__struct_fields__ if name.startswith("folded")} | {"starts_on"}

    assert set(MEMBERS) == set(TicketDocument.__struct_fields__) - hidden | {HIGHLIGHTS}


def test_the_last_page_ends_within_the_window() -> None:
    request = page_request(SearchQuery(page=100, page_size=100))

    assert request["from"] + request["size"] == 10_000


def test_without_words_tickets_are_sorted_by_start() -> None:
    assert request_for(SearchQuery())["sort"] == [{"starts_at": "asc"}, {"id": "asc"}]
    assert request_for(SearchQuery(sort="relevance"))["sort"] == [{"starts_at": "asc"}, {"id": "asc"}]
    assert request_for(SearchQuery(q="kafka"))["sort"] == [{"_score": "desc"}, {"starts_at": "asc"}, {"id": "asc"}]
    by_price = [{"currency": "asc"}, {"price": "desc"}, {"id": "asc"}]
    assert request_for(SearchQuery(q="kafka", sort="-price"))["sort"] == by_price


@pytest.mark.parametrize("sort", SORTS)
def test_ties_are_sorted_by_id(sort: str) -> None:
    assert request_for(SearchQuery(q="kafka", sort=sort))["sort"][-1] == {"id": "asc"}


@pytest.mark.parametrize(
    ("page", "count", "previous_page", "next_page"),
    [(1, 0, None, None), (1, 25, None, None), (1, 26, None, 2), (2, 26, 1, None), (400, 20_000, 399, None)],
)
def test_a_page_knows_the_previous_and_the_next_one(
    page: int, count: int, previous_page: int | None, next_page: int | None
) -> None:
    found = SearchPage(SearchQuery(page=page), count, [])

    assert (found.previous_page, found.next_page) == (previous_page, next_page)


@pytest.mark.parametrize(
    "word",
    ["kafka", "l'opera", "a-b-c-d", "((((((", "/.*/", "*", "東京", "ライブ東京", "x~2", '"', "\\", "\u202e", "{}"],
)
def test_the_number_of_clauses_is_bounded(word: str) -> None:
    clauses = json.dumps(text_clause(SearchQuery(q=f"{word} " * 20)))

    assert len(clauses) < 60_000
    assert clauses.count('"multi_match"') <= 20 * 2 * 4
    assert clauses.count('"fuzziness"') <= 20
    assert not {"wildcard", "regexp", "query_string", "script"} & set(clauses.replace('"', " ").split())


@pytest.mark.parametrize("q", ["kafka night", "((((", "*", "/x/"])
def test_every_search_has_a_timeout(q: str) -> None:
    assert request_for(SearchQuery(q=q))["timeout"] == "2s"
    assert "timeout" in request_for(SearchQuery(q=q, facets=["venue"], sort="price"))


def test_numbers_codes_and_very_long_words_match_only_as_typed() -> None:
    for word in ("2027", "KX7Q", "a-b2", "x" * 51, "東京"):
        assert "fuzziness" not in str(text_clause(SearchQuery(q=word)))
    assert "'prefix_length': 1" in str(text_clause(SearchQuery(q="kafka")))
