"""Suggest titles, venues, holders and codes that continue what the user has typed."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import msgspec

from readmodel.exceptions import InvalidSearch
from readmodel.index.document_index import shared_index
from readmodel.search.highlighting import marked
from readmodel.search.words import Word, letters_of
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.matching import code_clause, started_word, whole_word
from readmodel.tickets.search.query import SearchQuery, text_errors

MAX_SUGGESTIONS = 10
MAX_TYPED_LENGTH = 100
TEXTS = ("title", "venue", "holder_name")
# One or two letters match most tickets. Only this many are looked at, so the cost does not grow with their number.
MAX_TICKETS = 2_000
CANDIDATES = 30
TIMEOUT = "1s"


class Suggestion(msgspec.Struct, frozen=True):
    """A text of the field; `highlighted` is the text as escaped HTML with <mark> around the typed words."""

    field: str
    text: str
    highlighted: str


def suggest(typed: str) -> list[Suggestion]:
    """Return the suggestions; none if nothing searchable was typed.

    Raise InvalidSearch if the text is too long, RetryLater if Elasticsearch can't answer, TargetLost if there is no
    index.
    """
    query = SearchQuery(q=typed)
    if errors := dict(text_errors(query, MAX_TYPED_LENGTH)):
        raise InvalidSearch(errors)
    words = query.words
    if not words:
        return []
    requests = [*(_texts_request(field, words) for field in TEXTS), _codes_request(words)]
    *of_texts, of_codes = shared_index(TicketDocuments).search_many(requests)
    codes = [hit["_source"]["code"] for hit in of_codes["hits"]["hits"]]
    found = {field: _ranked(answer, words) for field, answer in zip(TEXTS, of_texts, strict=True)} | {"code": codes}
    return [
        Suggestion(field, text, marked(text, words))
        for field, text in _in_turns(found, "".join(word.joined for word in words))
    ]


def _texts_request(field: str, words: Sequence[Word]) -> dict[str, Any]:
    """Return the request for the most frequent texts of a field that have all the words."""
    *whole, last = words
    fields = [f"folded_{field}"]
    clauses = [*(whole_word(word, fields) for word in whole), started_word(last, fields)]
    return {
        "query": {"bool": {"filter": clauses}},
        "size": 0,
        "track_total_hits": False,
        "terminate_after": MAX_TICKETS,
        "timeout": TIMEOUT,
        # "map" counts the terms of the tickets found; a table of all terms would be built after each refresh.
        "aggs": {"texts": {"terms": {"field": field, "size": CANDIDATES, "execution_hint": "map"}}},
    }


def _codes_request(words: Sequence[Word]) -> dict[str, Any]:
    return {
        "query": {"bool": {"filter": [code_clause("prefix", words)]}},
        "size": MAX_SUGGESTIONS,
        "sort": [{"code": "asc"}],
        "track_total_hits": False,
        "timeout": TIMEOUT,
        "_source": ["code"],
    }


def _ranked(answer: Mapping[str, Any], words: Sequence[Word]) -> list[str]:
    """Return the texts sorted: first those that begin with the typed text, then by frequency."""
    buckets = answer["aggregations"]["texts"]["buckets"]
    start = "".join(word.joined for word in words)
    buckets.sort(
        key=lambda bucket: (not letters_of(bucket["key"]).startswith(start), -bucket["doc_count"], bucket["key"])
    )
    return [bucket["key"] for bucket in buckets]


def _in_turns(found: Mapping[str, Sequence[str]], typed: str) -> list[tuple[str, str]]:
    """Return a text that equals the typed one first, then the best of each field, the second best, and so on."""
    by_field = [[(field, text) for text in texts] for field, texts in found.items()]
    turns = [choice for choice in chain.from_iterable(zip_longest(*by_field)) if choice]
    turns.sort(key=lambda choice: letters_of(choice[1]) != typed)
    different = {letters_of(text): (field, text) for field, text in reversed(turns)}
    return list(reversed(different.values()))[:MAX_SUGGESTIONS]
