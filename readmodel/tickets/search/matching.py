"""Turn the words that somebody typed into a clause of Elasticsearch's query language; pure.

A document matches if it has every word, each in any field; the last word may be unfinished. A word of letters may be
mistyped, from its second letter on: by one letter if it has three to five, by two if it has more.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from readmodel.search.folding import IDEOGRAPHS, LETTERS_DIGITS_MARKS, fold

type Clause = Mapping[str, Any]

FIELDS = {"code": 4, "title": 3, "holder_name": 2, "venue": 1}
WEIGHTED_FIELDS = [f"folded_{name}^{weight}" for name, weight in FIELDS.items()]

# The score of twenty words stays below 2,000: what has them as typed comes before what has only similar ones.
AS_TYPED_BOOST = 10_000
CODE_BOOST = 1_000_000
MAX_MISTYPED_LENGTH = 50

OTHER_SYMBOLS = "So"  # emoji are among them


def words_clause(words: Sequence[str]) -> Clause:
    """Match what has all the words; the ticket whose code they are comes first."""
    if not words:
        return {"match_all": {}}
    # Punctuation by itself is in no document; if there is nothing else, nothing is found.
    *whole, last = [word for word in words if is_searchable(word)] or words
    as_typed = [*map(whole_word, whole), started_word(last)]
    similar = [or_similar(word, clause) for word, clause in zip([*whole, last], as_typed, strict=True)]
    return best_of(
        {"constant_score": {"filter": code_clause("term", " ".join(words)), "boost": CODE_BOOST}},
        {"bool": {"must": as_typed, "should": [{"match_all": {"boost": AS_TYPED_BOOST}}]}},
        {"bool": {"must": similar}},
    )


def or_similar(word: str, clause: Clause) -> Clause:
    """Match similar words too; they add nothing to the score."""
    if not may_be_mistyped(word):
        return clause
    mistyped = anywhere(word, "best_fields", fuzziness="AUTO", prefix_length=1, max_expansions=50)
    return any_of(clause, {"constant_score": {"filter": mistyped, "boost": 0}})


def whole_word(word: str) -> Clause:
    return anywhere(word, "phrase")


def started_word(word: str) -> Clause:
    """Match the word's beginning, the whole word better."""
    if is_one_token(word):
        return any_of(whole_word(word), anywhere(word, "bool_prefix"))
    # Elasticsearch tries some 50 endings of a phrase, and there may be any number of codes.
    return any_of(whole_word(word), anywhere(word, "phrase_prefix"), code_clause("prefix", word))


def anywhere(text: str, kind: str, **options: Any) -> Clause:
    return {"multi_match": {"query": fold(text), "type": kind, "fields": WEIGHTED_FIELDS, **options}}


def code_clause(kind: str, code: str) -> Clause:
    return {kind: {"code": {"value": code, "case_insensitive": True}}}


def any_of(*clauses: Clause) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def best_of(*clauses: Clause) -> Clause:
    return {"dis_max": {"queries": clauses}}


def is_searchable(word: str) -> bool:
    categories = map(unicodedata.category, word)
    return any(category[0] in LETTERS_DIGITS_MARKS or category == OTHER_SYMBOLS for category in categories)


def is_one_token(word: str) -> bool:
    return not IDEOGRAPHS.search(word) and all(unicodedata.category(char)[0] in LETTERS_DIGITS_MARKS for char in word)


def may_be_mistyped(word: str) -> bool:
    """Codes and numbers are typed right, or mean something else."""
    is_short = len(word) <= MAX_MISTYPED_LENGTH
    return is_short and is_one_token(word) and not any(unicodedata.category(char)[0] == "N" for char in word)
