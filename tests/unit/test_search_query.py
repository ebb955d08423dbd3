"""What may be searched for, and which pages there are."""

from typing import Any

import pytest

from readmodel.matching import words_clause
from readmodel.search import InvalidSearch, Page, SearchQuery, request_for


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"q": "x" * 201}, "q: At most 200 characters, not 201."),
        ({"q": "\udcff"}, "q: This is not valid text; it must be UTF-8."),
        ({"status": "lost"}, "status: 'lost' is no status; known are issued, checked_in, canceled."),
        ({"page_size": 0}, "page_size: From 1 to 100, not 0."),
        ({"page_size": 101}, "page_size: From 1 to 100, not 101."),
        ({"page": 0}, "page: From 1 to 400, not 0: only the first 10,000 hits"),
        ({"page": 401}, "page: From 1 to 400, not 401: only the first 10,000 hits"),
        ({"page": 3_334, "page_size": 3}, "page: From 1 to 3333, not 3334"),
    ],
)
def test_search_that_can_not_be_made_names_the_parameter(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSearch) as raised:
        SearchQuery(**fields)

    assert str(raised.value).startswith(message)
    assert raised.value.parameter == message.partition(":")[0]


def test_control_characters_separate_words() -> None:
    assert SearchQuery(q="\x00kafka\x1b[31m\n night ").words == ["kafka", "[31m", "night"]


def test_last_page_ends_within_the_window() -> None:
    request = request_for(SearchQuery(page=100, page_size=100))

    assert request["from"] + request["size"] == 10_000


def test_without_words_tickets_are_in_the_order_of_time() -> None:
    assert request_for(SearchQuery())["sort"] == [{"starts_at": "asc"}, {"id": "asc"}]
    assert request_for(SearchQuery(q="kafka"))["sort"] == [{"_score": "desc"}, {"starts_at": "asc"}, {"id": "asc"}]


@pytest.mark.parametrize(
    ("page", "count", "previous_page", "next_page"),
    [(1, 0, None, None), (1, 25, None, None), (1, 26, None, 2), (2, 26, 1, None), (400, 20_000, 399, None)],
)
def test_neighbours_of_a_page(page: int, count: int, previous_page: int | None, next_page: int | None) -> None:
    found = Page(SearchQuery(page=page), count, [])

    assert (found.previous_page, found.next_page) == (previous_page, next_page)


def test_most_clauses_that_a_query_can_have_are_bounded() -> None:
    assert str(words_clause(SearchQuery(q="a " * 100).words)).count("multi_match") == 202
