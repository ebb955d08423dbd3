"""Turn the typed words into a clause of Elasticsearch's query language; pure.

A document matches if it has every word, each in any field. The last word may be unfinished. A word of letters may have
typing errors from its second letter on: one if it has three to five letters, two if it has more.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from readmodel.search.folding import IDEOGRAPHS, LETTERS_DIGITS_MARKS, fold

type Clause = Mapping[str, Any]

FIELDS = {"code": 4, "title": 3, "holder_name": 2, "venue": 1}
WEIGHTED_FIELDS = [f"folded_{name}^{weight}" for name, weight in FIELDS.items()]

# The score of twenty words stays below 2,000, so tickets with the typed words come before tickets with similar ones.
AS_TYPED_BOOST = 10_000
CODE_BOOST = 1_000_000
MAX_MISTYPED_LENGTH = 50

OTHER_SYMBOLS = "So"  # This includes emoji.


def words_clause(words: Sequence[str]) -> Clause:
    """Match documents that have all the words; a ticket whose code is the whole text comes first."""
    if not words:
        return {"match_all": {}}
    # Documents have no words of punctuation alone; if all words are such, nothing is found.
    *whole, last = [word for word in words if is_searchable(word)] or words
    as_typed = [*map(_whole_word, whole), _started_word(last)]
    similar = [_or_similar(word, clause) for word, clause in zip([*whole, last], as_typed, strict=True)]
    return _best_of(
        {"constant_score": {"filter": code_clause("term", " ".join(words)), "boost": CODE_BOOST}},
        {"bool": {"must": as_typed, "should": [{"match_all": {"boost": AS_TYPED_BOOST}}]}},
        {"bool": {"must": similar}},
    )


def _or_similar(word: str, clause: Clause) -> Clause:
    """Match similar words too, but without adding to the score."""
    if not _may_be_mistyped(word):
        return clause
    mistyped = _anywhere(word, "best_fields", fuzziness="AUTO", prefix_length=1, max_expansions=50)
    return _any_of(clause, {"constant_score": {"filter": mistyped, "boost": 0}})


def _whole_word(word: str) -> Clause:
    return _anywhere(word, "phrase")


def _started_word(word: str) -> Clause:
    """Match words that begin with this one; the whole word gets a higher score."""
    if is_one_token(word):
        return _any_of(_whole_word(word), _anywhere(word, "bool_prefix"))
    # Elasticsearch tries only 50 endings of a phrase, but there may be more codes.
    return _any_of(_whole_word(word), _anywhere(word, "phrase_prefix"), code_clause("prefix", word))


def _anywhere(text: str, kind: str, **options: Any) -> Clause:
    return {"multi_match": {"query": fold(text), "type": kind, "fields": WEIGHTED_FIELDS, **options}}


def code_clause(kind: str, code: str) -> Clause:
    return {kind: {"code": {"value": code, "case_insensitive": True}}}


def _any_of(*clauses: Clause) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _best_of(*clauses: Clause) -> Clause:
    return {"dis_max": {"queries": clauses}}


def is_searchable(word: str) -> bool:
    categories = map(unicodedata.category, word)
    return any(category[0] in LETTERS_DIGITS_MARKS or category == OTHER_SYMBOLS for category in categories)


def is_one_token(word: str) -> bool:
    return not IDEOGRAPHS.search(word) and all(unicodedata.category(char)[0] in LETTERS_DIGITS_MARKS for char in word)


def _may_be_mistyped(word: str) -> bool:
    """Tell whether similar words are searched too: not for numbers, codes and very long words."""
    is_short = len(word) <= MAX_MISTYPED_LENGTH
    return is_short and is_one_token(word) and not any(unicodedata.category(char)[0] == "N" for char in word)
