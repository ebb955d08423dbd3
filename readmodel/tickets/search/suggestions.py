"""Suggest what to search for while somebody types: titles, venues, holders and codes that go on like it."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import msgspec

from readmodel.exceptions import InvalidSearch
from readmodel.index.document_index import shared_index
from readmodel.search.folding import fold
from readmodel.search.highlighting import marked
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.matching import Clause, code_clause, is_one_token, is_searchable
from readmodel.tickets.search.query import SearchQuery, text_errors

MAX_SUGGESTIONS = 10
MAX_TYPED_LENGTH = 100
TEXTS = ("title", "venue", "holder_name")
# A letter or two begin words of most tickets: so many are looked at, which costs the same however many there are.
MAX_TICKETS = 2_000
CANDIDATES = 30
TIMEOUT = "1s"


class Suggestion(msgspec.Struct, frozen=True):
    """A text of the field; `highlighted` is HTML: the text, escaped, with <mark> around what was typed."""

    field: str
    text: str
    highlighted: str


def suggest(typed: str) -> list[Suggestion]:
    """Return the suggestions, none for no words.

    Raise InvalidSearch if it is too long, RetryLater if Elasticsearch can't answer, TargetLost without an index.
    """
    query = SearchQuery(q=typed)
    if errors := dict(text_errors(query, MAX_TYPED_LENGTH)):
        raise InvalidSearch(errors)
    words = [word for word in query.words if is_searchable(word)]
    if not words:
        return []
    requests = [*(texts_request(field, words) for field in TEXTS), codes_request(words)]
    *of_texts, of_codes = shared_index(TicketDocuments).search_many(requests)
    codes = [hit["_source"]["code"] for hit in of_codes["hits"]["hits"]]
    found = {field: ranked(answer, words) for field, answer in zip(TEXTS, of_texts, strict=True)} | {"code": codes}
    return [Suggestion(field, text, marked(text, words)) for field, text in in_turns(found, fold(" ".join(words)))]


def texts_request(field: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the request for the most frequent texts of a field that have all the words."""
    *whole, last = words
    clauses = [*(phrase(field, word) for word in whole), beginning(field, last)]
    return {
        "query": {"bool": {"filter": clauses}},
        "size": 0,
        "track_total_hits": False,
        "terminate_after": MAX_TICKETS,
        "timeout": TIMEOUT,
        # By the terms of the few tickets found: a table of all terms would be made again after each refresh.
        "aggs": {"texts": {"terms": {"field": field, "size": CANDIDATES, "execution_hint": "map"}}},
    }


def phrase(field: str, word: str) -> Clause:
    return {"match_phrase": {f"folded_{field}": fold(word)}}


def beginning(field: str, word: str) -> Clause:
    kind = "match_bool_prefix" if is_one_token(word) else "match_phrase_prefix"
    return {kind: {f"folded_{field}": fold(word)}}


def codes_request(words: Sequence[str]) -> dict[str, Any]:
    return {
        "query": {"bool": {"filter": [code_clause("prefix", " ".join(words))]}},
        "size": MAX_SUGGESTIONS,
        "sort": [{"code": "asc"}],
        "track_total_hits": False,
        "timeout": TIMEOUT,
        "_source": ["code"],
    }


def ranked(answer: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """Return the texts that begin like what was typed first, then the more frequent ones."""
    buckets = answer["aggregations"]["texts"]["buckets"]
    start = fold(" ".join(words))
    buckets.sort(key=lambda bucket: (not fold(bucket["key"]).startswith(start), -bucket["doc_count"], bucket["key"]))
    return [bucket["key"] for bucket in buckets]


def in_turns(found: Mapping[str, Sequence[str]], typed: str) -> list[tuple[str, str]]:
    """Return the best of each field, then the second best, and so on; first of all what is just what was typed."""
    by_field = [[(field, text) for text in texts] for field, texts in found.items()]
    turns = [choice for choice in chain.from_iterable(zip_longest(*by_field)) if choice]
    turns.sort(key=lambda choice: fold(choice[1]) != typed)
    different = {fold(text): (field, text) for field, text in reversed(turns)}
    return list(reversed(different.values()))[:MAX_SUGGESTIONS]
