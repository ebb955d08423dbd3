"""Search finds what a person of each language types, and nothing else, on a real Elasticsearch."""

from collections.abc import Iterator

import pytest

from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import search
from tests.integration.readmodel.tickets.search.queries import LANGUAGES, NOTHING
from tests.integration.readmodel.tickets.shelf import Shelf

OTHERS = (
    {"code": "VIP-X1", "title": "code", "seat": "Block B, Row 7", "holder_email": "grace.hopper@example.org"},
    {"code": "VIP-X12", "title": "longer code", "seat": "Block B, Row 8", "holder_email": "hopper@example.com"},
)
BY_CODE_SEAT_AND_ADDRESS = {
    ("vip-x1", "VIPX1", "vip x1", "ＶＩＰ－Ｘ１", " Vip-x1 ", "vip\u2011x1"): ["code", "longer code"],
    ("vip-x12", "vip x 12", "vipx12"): ["longer code"],
    ("row 7", "block b 7", "7 row", "block-b row 7"): ["code"],
    ("grace.hopper@example.org", "GRACE.HOPPER@", "grace.hop", "gracehopper"): ["code"],
    ("hopper@example.com", "hopper@ex"): ["longer code"],
    ("example", "example.org", "hopper@example.org", "vip-x3"): [],
}


@pytest.fixture
def library(shelf: Shelf) -> Shelf:
    titles = [title for language in LANGUAGES.values() for title in language.documents]
    plain = {"venue": "-", "holder_name": "-", "holder_email": "-@-", "seat": ""}
    shelf.hold(*({**plain, "title": title} for title in titles), *({**plain, **other} for other in OTHERS))
    return shelf


def found(q: str) -> list[str]:
    return [hit.document["title"] for hit in search(SearchQuery(q=q)).hits]


def wrong_answers() -> Iterator[tuple[str, str, set[str]]]:
    for name, language in LANGUAGES.items():
        for q, places in language.queries.items():
            titles = set(found(q))
            if titles != {language.documents[place] for place in places}:
                yield name, q, titles


def test_what_people_of_25_languages_type_finds_the_right_tickets_and_no_others(library: Shelf) -> None:
    """One test and one index for all: each would cost more than its queries."""
    assert len(LANGUAGES) >= 25
    assert sum(len(language.queries) for language in LANGUAGES.values()) >= 200

    assert list(wrong_answers()) == []
    assert {q: titles for q in NOTHING if (titles := found(q))} == {}


def test_codes_seats_and_addresses_are_found_as_people_type_them(library: Shelf) -> None:
    answers = {queries: [found(q) for q in queries] for queries in BY_CODE_SEAT_AND_ADDRESS}

    assert answers == {queries: [titles] * len(queries) for queries, titles in BY_CODE_SEAT_AND_ADDRESS.items()}
