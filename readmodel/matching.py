"""Turn the words that somebody typed into a clause of Elasticsearch's query language; pure.

A document matches if it has every word, each in any field; the last word may be unfinished.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from readmodel.folding import fold

type Clause = Mapping[str, Any]

FIELDS = {"code": 4, "title": 3, "holder_name": 2, "venue": 1}
WEIGHTED_FIELDS = [f"{name}^{weight}" for name, weight in FIELDS.items()]
CODE_BOOST = 1_000

# The tokenizer makes a word of each of these characters: only their order tells a word from a coincidence.
IDEOGRAPHS = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LETTERS_DIGITS_MARKS = frozenset("LNM")
OTHER_SYMBOLS = "So"  # emoji are among them


def words_clause(words: Sequence[str]) -> Clause:
    """Match what has all the words; the ticket whose code they are comes first."""
    if not words:
        return {"match_all": {}}
    # Punctuation by itself is in no document; if there is nothing else, nothing is found.
    *whole, last = [word for word in words if is_searchable(word)] or words
    return any_of(
        {"constant_score": {"filter": code_clause("term", " ".join(words)), "boost": CODE_BOOST}},
        {"bool": {"must": [*map(whole_word, whole), started_word(last)]}},
    )


def whole_word(word: str) -> Clause:
    return anywhere(word, "phrase")


def started_word(word: str) -> Clause:
    """Match the word's beginning, the whole word better."""
    if is_one_token(word):
        return any_of(whole_word(word), anywhere(word, "bool_prefix"))
    # Elasticsearch tries some 50 endings of a phrase, and there may be any number of codes.
    return any_of(whole_word(word), anywhere(word, "phrase_prefix"), code_clause("prefix", word))


def anywhere(text: str, kind: str) -> Clause:
    as_typed = {"multi_match": {"query": text, "type": kind, "fields": WEIGHTED_FIELDS}}
    folded = {"multi_match": {"query": fold(text), "type": kind, "fields": ["folded"]}}
    return {"dis_max": {"queries": [as_typed, folded]}}


def code_clause(kind: str, code: str) -> Clause:
    return {kind: {"code.exact": {"value": code, "case_insensitive": True}}}


def any_of(*clauses: Clause) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def is_searchable(word: str) -> bool:
    categories = map(unicodedata.category, word)
    return any(category[0] in LETTERS_DIGITS_MARKS or category == OTHER_SYMBOLS for category in categories)


def is_one_token(word: str) -> bool:
    return not IDEOGRAPHS.search(word) and all(unicodedata.category(char)[0] in LETTERS_DIGITS_MARKS for char in word)
