"""A cursor leads back to the search that it was made for, and can't be forged."""

from decimal import Decimal

import pytest
from django.core import signing

from readmodel.exceptions import InvalidSearch
from readmodel.search.cursor import Cursor, read, sign
from readmodel.tickets.search.query import SearchQuery

QUERY = SearchQuery(
    q="東京 night",
    status=["issued"],
    venue=["A, B"],
    starts_from="2027-05-01",
    time_zone="Asia/Tokyo",
    price_min=Decimal("12.50"),
    currency="EUR",
    sort="-price",
    fields=["title"],
)
CURSOR = Cursor(query=QUERY, point_in_time="x" * 300, after=[12.5, None, "an id"], seen=25, count=60)


def test_a_cursor_is_read_as_it_was_signed() -> None:
    assert read(sign(CURSOR), Cursor[SearchQuery]) == CURSOR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ":::",
        "\x00",
        "x" * 20_000,
        sign(CURSOR)[:-1],
        "." + sign(CURSOR),
        signing.dumps({"query": {}}, salt="another"),
        signing.dumps({"query": {}}, salt="readmodel.search.cursor"),
        signing.dumps({"query": {"q": "x" * 201}}, salt="readmodel.search.cursor"),
    ],
    ids=["nothing", "a letter", "colons", "NUL", "long", "cut", "shifted", "strange", "incomplete", "too long"],
)
def test_a_text_that_is_not_a_signed_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidSearch, match="cursor: This is not a cursor of this service"):
        read(text, Cursor[SearchQuery])


def test_the_cursor_of_the_longest_search_is_within_the_limit() -> None:
    longest = SearchQuery(q="東" * 200, venue=["東" * 200] * 10, fields=["holder_email"] * 17)

    assert len(sign(Cursor(query=longest, point_in_time="x" * 1_000, after=["y" * 100], seen=1, count=2))) < 20_000
