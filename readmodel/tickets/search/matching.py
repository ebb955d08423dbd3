"""Turn the typed words into a clause of Elasticsearch's query language; pure.

A document matches if it has every word, each in any field. The last word may be unfinished. A word of letters may have
typing errors from its second letter on: one if it has three to five letters, two if it has more. A word of a script
without spaces is found inside a run of letters.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from readmodel.search.words import Word, parts_of
from readmodel.tickets.search.query import MAX_WORDS, SearchQuery

type Clause = Mapping[str, Any]

FIELDS = {"code": 4, "title": 3, "holder_name": 2, "venue": 1, "seat": 0.5, "holder_email": 0.5}
WEIGHTED_FIELDS = [f"folded_{name}^{weight}" for name, weight in FIELDS.items()]
NAMES = [f"folded_{name}" for name in ("title", "holder_name", "venue")]
"""The fields in which words may be mistyped."""

# The score of twenty words stays below 2,000, so tickets with the typed words come before tickets with similar ones.
AS_TYPED_BOOST = 10_000
CODE_BOOST = 1_000_000
MAX_MISTYPED_LENGTH = 50


def text_clause(query: SearchQuery) -> Clause:
    """Match documents that have all the words; a ticket whose code is the whole text comes first."""
    if query.words:
        return _words_clause(query.words)
    # Documents have no words of punctuation alone.
    return {"match_none": {}} if query.typed else {"match_all": {}}


def clauses_of_venue(query: SearchQuery) -> list[Clause]:
    """Match documents whose venue has all the words that were typed to find a venue."""
    words, fields = query.words_of_venue, ["folded_venue"]
    return [*(whole_word(word, fields) for word in words[:-1]), *(started_word(word, fields) for word in words[-1:])]


def code_clause(kind: str, words: Sequence[Word]) -> Clause:
    """Match the whole code (`term`) or its beginning (`prefix`), however it is typed."""
    return {kind: {"folded_whole_code": {"value": "".join(word.joined for word in words)}}}


def whole_word(word: Word, fields: Sequence[str]) -> Clause:
    """Match the word's pieces one after the other, or written as one."""
    if len(word.pieces) == 1:
        return _match(word.joined, "best_fields", fields)
    in_pieces = _match(" ".join(word.pieces), "phrase", fields)
    return in_pieces if word.is_run else any_of(in_pieces, _match(word.joined, "best_fields", fields))


def started_word(word: Word, fields: Sequence[str]) -> Clause:
    """Match words that begin with this one; the whole word gets a higher score."""
    whole = whole_word(word, fields)
    if word.is_run:
        return whole
    in_pieces = [_match(" ".join(word.pieces), "phrase_prefix", fields)] if len(word.pieces) > 1 else []
    return any_of(whole, _match(word.joined, "bool_prefix", fields), *in_pieces)


def any_of(*clauses: Clause) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _words_clause(words: Sequence[Word]) -> Clause:
    *whole, last = words
    as_typed = [*(whole_word(word, WEIGHTED_FIELDS) for word in whole), started_word(last, WEIGHTED_FIELDS)]
    similar = [_or_similar(word, clause) for word, clause in zip(words, as_typed, strict=True)]
    return _best_of(
        {"constant_score": {"filter": code_clause("term", words), "boost": CODE_BOOST}},
        {"constant_score": {"filter": code_clause("prefix", words), "boost": AS_TYPED_BOOST}},
        {"bool": {"must": as_typed, "should": [{"match_all": {"boost": AS_TYPED_BOOST}}]}},
        {"bool": {"must": similar}},
    )


def _or_similar(word: Word, clause: Clause) -> Clause:
    """Match similar words too, but without adding to the score."""
    similar = [{"constant_score": {"filter": other, "boost": 0}} for other in _similar(word)]
    return any_of(clause, *similar) if similar else clause


def _similar(word: Word) -> Iterator[Clause]:
    """Yield clauses for words that are nearly the typed one.

    They have typing errors, lack the article or the long marks, or are the words of a run in any order.
    """
    if word.stem:
        yield whole_word(word.stem_word, WEIGHTED_FIELDS)
    if word.is_run:
        parts = parts_of(word)
        if 1 < len(parts) <= MAX_WORDS:
            yield {"bool": {"must": [whole_word(part, WEIGHTED_FIELDS) for part in parts]}}
    elif len(word.pieces) == 1 and not _has_digits(word.joined) and len(word.joined) <= MAX_MISTYPED_LENGTH:
        yield _match(word.joined, "best_fields", NAMES, fuzziness="AUTO", prefix_length=1, max_expansions=50)


def _has_digits(letters: str) -> bool:
    return any(map(str.isnumeric, letters))


def _match(text: str, kind: str, fields: Sequence[str], **options: Any) -> Clause:
    return {"multi_match": {"query": text, "type": kind, "fields": fields, **options}}


def _best_of(*clauses: Clause) -> Clause:
    return {"dis_max": {"queries": clauses}}
