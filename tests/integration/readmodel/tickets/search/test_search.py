"""Find tickets in the right order and with their matches marked, on a real Elasticsearch."""

from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from events.exceptions import TargetLost
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import SearchPage, search
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.ticket_events import SOME_DAY, document, ticket_id


def test_every_word_must_match_each_in_any_field(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "Kafka Night", "venue": "Arena", "holder_name": "Ada Lovelace"},
        {"title": "Kafka Day", "venue": "Arena", "holder_name": "Alan Turing"},
    )

    assert shelf.found("lovelace kafka") == ["Kafka Night"]
    assert shelf.found("turing night") == []


def test_only_the_last_word_may_be_unfinished(shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka Night"})

    assert shelf.found("kafka nig") == ["Kafka Night"]
    assert shelf.found("kaf night") == []


@pytest.mark.parametrize(
    "q", ["kafak", "kafkaa night", "nigth kafka", "lovlace", "LOVELASE", "berln kafka", "stromsang"]
)
def test_words_may_be_slightly_mistyped(shelf: Shelf, q: str) -> None:
    shelf.hold({"title": "Kafka Night Strömsång"}, {"title": "Other", "holder_name": "Alan Turing", "venue": "Hall"})

    assert shelf.found(q) == ["Kafka Night Strömsång"]


@pytest.mark.parametrize("q", ["xafka", "nitgh kafka", "kaf night", "ab", "2028", "kx7r"])
def test_first_letters_short_words_numbers_and_codes_must_not_be_mistyped(shelf: Shelf, q: str) -> None:
    shelf.hold({"title": "Kafka Night 2027 ac", "code": "KX7Q"})

    assert shelf.found(q) == []


def test_tickets_with_the_typed_words_come_before_similar_ones(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "Kafke Night Kafke Night", "holder_name": "Kafke", "venue": "Night"},
        {"title": "An evening of many words with no renown at all", "holder_name": "Night", "venue": "Kafka"},
    )

    assert shelf.found("night kafka") == ["An evening of many words with no renown at all", "Kafke Night Kafke Night"]


def test_punctuation_between_words_is_ignored_and_alone_finds_nothing(shelf: Shelf) -> None:
    shelf.hold({"title": "Rock & Roll"})

    assert shelf.found("rock & roll") == ["Rock & Roll"]
    assert shelf.found("rock - roll -") == ["Rock & Roll"]
    assert shelf.found("&") == []


@pytest.mark.parametrize("q", ["*", "K*ka", "K?fka", '"', "title:kafka", "kafka OR x", "(", "\\", "{}", "/k.*ka/"])
def test_query_syntax_finds_nothing(shelf: Shelf, q: str) -> None:
    shelf.hold({"title": "Kafka Night"})

    assert shelf.found(q) == []


@pytest.mark.parametrize("q", ["-kafka", "+kafka", "kaf*", "kafk~", "/kafka/", '"night kafka"', "(kafka)"])
def test_query_syntax_is_punctuation(shelf: Shelf, q: str) -> None:
    shelf.hold({"title": "Kafka Night"})

    assert shelf.found(q) == ["Kafka Night"]


def test_the_longest_queries_are_answered(shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka Night"})

    for q in ("x" * 200, "東" * 200, "ypsilon " * 20, "- " * 20, "a-" * 100, "🎸" * 200):
        assert shelf.found(q) == []
    for q in ("\x00" * 200, "kafkas " * 20):
        assert shelf.found(q) == ["Kafka Night"]


def test_a_ticket_with_exactly_this_code_comes_first(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "KX7Q KX7Q", "venue": "KX7Q", "holder_name": "KX7Q", "code": "OTHER"},
        {"title": "by its code", "code": "KX7Q"},
        {"title": "by its code's beginning", "code": "KX7QAAAA"},
    )

    assert shelf.found("kx7q")[0] == "by its code"
    assert set(shelf.found("kx7q")[1:]) == {"KX7Q KX7Q", "by its code's beginning"}


def test_a_code_with_hyphens_is_found_whole_and_by_its_beginning(shelf: Shelf) -> None:
    codes = [f"VIP-A{number}" for number in range(60)]
    shelf.hold(*({"title": code, "code": code} for code in codes))

    assert shelf.found("vip-a7") == ["VIP-A7"]
    assert sorted(shelf.found("VIP-A", page_size=100)) == sorted(codes)


def test_the_title_weighs_more_than_the_holder_and_the_holder_more_than_the_venue(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "c", "venue": "Jordan"},
        {"title": "b", "holder_name": "Jordan"},
        {"title": "Jordan", "venue": "Hall"},
        {"title": "a", "venue": "Hall"},
    )

    assert shelf.found("jordan") == ["Jordan", "b", "c"]


def test_equal_scores_are_sorted_by_start_and_id(shelf: Shelf) -> None:
    later = SOME_DAY + timedelta(days=1)
    shelf.hold({"starts_at": later}, {}, {"starts_at": later}, {})

    ids = [hit.document["id"] for hit in search(SearchQuery(q="kafka")).hits]

    first, last = ([str(ticket_id(number)) for number in numbers] for numbers in ((2, 4), (1, 3)))
    assert ids == sorted(first) + sorted(last)


def test_an_empty_query_shows_all_tickets_sorted_by_start(shelf: Shelf) -> None:
    shelf.hold(*({"title": str(day), "starts_at": SOME_DAY + timedelta(days=day)} for day in (3, 1, 2)))

    assert shelf.found("") == shelf.found(" \t") == ["1", "2", "3"]


def test_a_status_narrows_a_search(shelf: Shelf) -> None:
    shelf.hold({"title": "void", "status": "canceled"}, {"title": "valid"})

    assert shelf.found("", status=["canceled"]) == ["void"]
    assert shelf.found("ada", status=["issued"]) == ["valid"]
    assert shelf.found("ada", status=["checked_in"]) == []


def test_pages_follow_each_other_and_the_count_is_of_all_hits(shelf: Shelf) -> None:
    shelf.hold(*({"title": f"{number}", "starts_at": SOME_DAY + timedelta(days=number)} for number in range(1, 6)))

    pages = [search(SearchQuery(page=page, page_size=2)) for page in (1, 2, 3, 4)]

    assert [[hit.document["title"] for hit in page.hits] for page in pages] == [["1", "2"], ["3", "4"], ["5"], []]
    assert {page.count for page in pages} == {5}
    assert [(page.previous_page, page.next_page) for page in pages[:3]] == [(None, 2), (1, 3), (2, None)]
    assert [page.is_beyond_the_last for page in pages] == [False, False, False, True]


def test_the_count_is_exact_and_the_last_page_reachable_beyond_the_window(shelf: Shelf) -> None:
    for start in range(0, 10_050, 5_025):
        shelf.index.documents(shelf.target).write([document(number) for number in range(start, start + 5_025)])
    shelf.elasticsearch.indices.refresh(index=shelf.target.name)

    page = search(SearchQuery(q="kafka", page=100, page_size=100))

    assert (page.count, len(page.hits), page.next_page) == (10_050, 100, None)


def test_matches_are_marked_in_each_field(shelf: Shelf) -> None:
    shelf.hold({"title": "Lovelace by Lovelace", "venue": "Arena", "holder_name": "Ada Lovelace", "code": "LOVE"})

    assert shelf.highlights("love") == {
        "code": ["<mark>LOVE</mark>"],
        "title": ["<mark>Love</mark>lace by <mark>Love</mark>lace"],
        "holder_name": ["Ada <mark>Love</mark>lace"],
    }


def test_highlights_are_safe_html(shelf: Shelf) -> None:
    shelf.hold({"title": "<script>kafka</script> <mark>&amp;</mark>"})

    assert shelf.highlights("kafka") == {
        "title": ["&lt;script&gt;<mark>kafka</mark>&lt;/script&gt; &lt;mark&gt;&amp;amp;&lt;/mark&gt;"]
    }


def test_a_document_is_shown_as_it_was_written_without_the_folded_text(shelf: Shelf) -> None:
    shelf.hold({})

    [hit] = search(SearchQuery()).hits

    assert hit.document == {
        "id": str(ticket_id(1)),
        "code": "CODE1",
        "title": "Kafka Night",
        "venue": "Arena Berlin",
        "starts_at": "2027-05-01T20:00:00Z",
        "time_zone": "UTC",
        "seat": "A 1",
        "holder_name": "Ada Lovelace",
        "holder_email": "ada@example.org",
        "price": "12.50",
        "currency": "EUR",
        "status": "issued",
        "replaces": None,
        "version": 1,
        "created_at": "2027-05-01T20:00:00Z",
        "updated_at": "2027-05-01T20:00:00Z",
        "replaced_by": None,
    }


def test_a_search_without_an_index_is_an_error(elasticsearch: Elasticsearch) -> None:
    with pytest.raises(TargetLost, match="there is no index .*consume_events readmodel"):
        search(SearchQuery(q="kafka"))


def test_a_search_in_an_empty_index_finds_nothing(shelf: Shelf) -> None:
    assert search(SearchQuery(q="kafka")) == SearchPage(SearchQuery(q="kafka"), 0, [])
