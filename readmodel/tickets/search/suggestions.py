"""Suggest titles, venues, holders and codes that continue what the user has typed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import msgspec

from readmodel.exceptions import InvalidSearch
from readmodel.index.document_index import shared_index
from readmodel.search.highlighting import marked
from readmodel.search.words import Word, letters_of, words_in
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.matching import code_clause, started_word, whole_word
from readmodel.tickets.search.query import SearchQuery, text_errors

MAX_SUGGESTIONS = 10
MAX_TYPED_LENGTH = 100
TEXTS = ("title", "venue", "holder_name")
# One or two letters match most tickets. Only this many are looked at, so the cost does not grow with their number.
MAX_TICKETS = 2_000
CANDIDATES = 30
FURTHER_LOOKS = 2
TIMEOUT = "1s"

type Answer = Mapping[str, Any]
type Counts = dict[str, int]


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
    *of_texts, of_codes = shared_index(TicketDocuments).search_many(
        [*(_texts_request(field, words) for field in TEXTS), _codes_request(words)]
    )
    texts = _with_hidden(dict(zip(TEXTS, of_texts, strict=True)), words)
    codes = [hit["_source"]["code"] for hit in of_codes["hits"]["hits"]]
    found = {field: _ranked(counts, words) for field, counts in texts.items()} | {"code": codes}
    return [Suggestion(field, text, marked(text, words)) for field, text in _in_turns(found, _joined(words))]


def _with_hidden(answers: Mapping[str, Answer], words: Sequence[Word]) -> dict[str, Counts]:
    """Return the texts of each field with their frequency, also those that many tickets with other texts hide.

    If too many tickets match, those are left out whose texts continue the last word as the texts found so far do.
    """
    found = {field: _counts_in(answer) for field, answer in answers.items()}
    for _ in range(FURTHER_LOOKS):
        known = {field: _continuations(found[field], words[-1]) for field in answers if _is_cut(answers[field])}
        known = {field: continuations for field, continuations in known.items() if len(continuations) < MAX_SUGGESTIONS}
        if not known:
            break
        requests = [_texts_request(field, words, without=continuations) for field, continuations in known.items()]
        answers = dict(zip(known, shared_index(TicketDocuments).search_many(requests), strict=True))
        for field, answer in answers.items():
            found[field] |= _counts_in(answer)
    return found


def _is_cut(answer: Answer) -> bool:
    """Tell whether there are tickets that were not looked at."""
    return bool(answer.get("terminated_early"))


def _counts_in(answer: Answer) -> Counts:
    return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["texts"]["buckets"]}


def _continuations(texts: Iterable[str], last: Word) -> list[Word]:
    return list(dict.fromkeys(word for text in texts if (word := _continuation(text, last))))


def _continuation(text: str, last: Word) -> Word | None:
    """Return the first word of the text that the last typed word may become."""
    for word in words_in(text):
        spellings = (word.joined, *word.pieces)
        if last.joined in word.joined if last.is_run else any(each.startswith(last.joined) for each in spellings):
            return word
    return None


def _texts_request(field: str, words: Sequence[Word], *, without: Sequence[Word] = ()) -> dict[str, Any]:
    """Return the request for the most frequent texts of a field that have all the words, and none of the others."""
    *whole, last = words
    fields = [f"folded_{field}"]
    clauses = [*(whole_word(word, fields) for word in whole), started_word(last, fields)]
    return {
        "query": {"bool": {"filter": clauses, "must_not": [whole_word(word, fields) for word in without]}},
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


def _ranked(counts: Counts, words: Sequence[Word]) -> list[str]:
    """Return the texts sorted: first those that begin with the typed text, then by frequency.

    Texts that continue the last word in the same way take turns with the others.
    """
    start = _joined(words)
    begins = {text: letters_of(text).startswith(start) for text in counts}
    texts = sorted(counts, key=lambda text: (not begins[text], -counts[text], text))
    turns: Counter[Word | None] = Counter()
    turn_of = {}
    for text in texts:
        continuation = _continuation(text, words[-1])
        turn_of[text] = turns[continuation]
        turns[continuation] += 1
    return sorted(texts, key=lambda text: (not begins[text], turn_of[text]))


def _joined(words: Sequence[Word]) -> str:
    return "".join(word.joined for word in words)


def _in_turns(found: Mapping[str, Sequence[str]], typed: str) -> list[tuple[str, str]]:
    """Return a text that equals the typed one first, then the best of each field, the second best, and so on."""
    by_field = [[(field, text) for text in texts] for field, texts in found.items()]
    turns = [choice for choice in chain.from_iterable(zip_longest(*by_field)) if choice]
    turns.sort(key=lambda choice: letters_of(choice[1]) != typed)
    different = {letters_of(text): (field, text) for field, text in reversed(turns)}
    return list(reversed(different.values()))[:MAX_SUGGESTIONS]
