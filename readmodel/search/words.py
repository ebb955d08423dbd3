"""Cut text into words that can be searched; the same for documents and for what is typed; pure.

Elasticsearch gets the pieces of the words with spaces between them, and needs no analysis of its own. A script without
spaces (Thai, Japanese, Chinese; Korean has few) has one piece for each letter, so that any part of a run is found. A
word with punctuation in it is also found without: `L'Olympia` has the pieces `l` and `olympia`, and `lolympia`.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

import icu

from readmodel.search.folding import fold

LETTERS = icu.UnicodeSet("[[:L:][:M:][:N:]]")
RUNS = icu.UnicodeSet(
    r"[[:Line_Break=Complex_Context:][:Han:][:Hiragana:][:Katakana:][:Hangul:][:Bopomofo:][:Yi:]\u30fc[:So:]]"
)
"""Letters of scripts without spaces, and emoji."""
OF_RUN, PUNCTUATION = "\x02", "\x01"
"""Marks between the letters; what is typed as such is punctuation."""


class _Kinds(dict[int, str]):
    """A table for str.translate that marks letters of runs, and replaces punctuation."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        is_kept = letter in LETTERS or letter.isspace()
        self[code] = OF_RUN + letter if letter in RUNS else letter if is_kept else PUNCTUATION
        return self[code]


_kinds = _Kinds()
# Folded text has no capital letters.
PIECE = re.compile("[^\x00-\x2f\x3a-\x60\x7b-\x7f]+")
PUNCTUATED = re.compile(r"[^\W_][^\w\s]+[^\W_]|_")
PIECE_OR_LETTER = re.compile(f"{OF_RUN}[^{PUNCTUATION}]|{PIECE.pattern}")
# The apostrophe of an elision stands after few letters and before several: `l'opéra`, but neither `don't` nor
# `rock'n'roll`.
ELISION = re.compile(r"^\W*\w{1,6}['`](\w{3,})\W*$")
ARTICLE = re.compile("^(?:[وبفك]?ال|و?لل)([\u0621-\u064a]{3,})$|^ו?ה([א-ת]{3,})$")
"""Of Arabic and of Hebrew."""
LONG_MARK, SHORTEST_KANA = "ー", 3
MAX_JOINED_LENGTH = 100
LAST_OF_BASIC_PLANE = "\uffff"
UMLAUTS = re.compile("[äöüåøđÄÖÜÅØĐ]")
TRANSCRIPTIONS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "đ": "dj"}
    | {"Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Å": "Aa", "Ø": "Oe", "Đ": "Dj"}
)


class Word(NamedTuple):
    """A folded word, as the pieces that are indexed one after the other."""

    pieces: tuple[str, ...]
    is_run: bool = False
    """Its script has no spaces, so it is found anywhere in a run."""
    stem: str = ""
    """The word without the article that is written in one with it, or without its long marks of kana."""

    @property
    def joined(self) -> str:
        return "".join(self.pieces)

    @property
    def stem_word(self) -> "Word":
        return Word(tuple(self.stem), is_run=True) if self.is_run else Word((self.stem,))


def words_in(text: str) -> list[Word]:
    return [word for chunk in fold(text).split() for word in _words_of(chunk)]


@lru_cache(maxsize=10_000)
def searchable(text: str) -> Sequence[str]:
    """Return what is indexed of the text: its pieces, and further spellings of its words."""
    folded = fold(text)
    transcribed = set() if text.isascii() else _transcribed(text)
    if folded.isascii() and not PUNCTUATED.search(folded):
        return [" ".join(PIECE.findall(folded)), *sorted(transcribed)]
    words = words_in(text)
    others = transcribed.union(*map(_further_spellings, words))
    return [" ".join(piece for word in words for piece in word.pieces), *sorted(others)]


def marked_kinds(folded: str) -> str:
    """Return folded text with OF_RUN before each letter of a run, and PUNCTUATION in place of each punctuation mark."""
    return folded.translate(_kinds)


def letters_of(text: str) -> str:
    """Return the text's letters and digits alone."""
    if text.isascii():
        return "".join(PIECE.findall(text.lower()))
    return "".join(word.joined for word in words_in(text))


def parts_of(run: Word) -> list[Word]:
    """Cut a run into the words that ICU's dictionaries know; a single letter stays with the word before it."""
    if max(run.joined) > LAST_OF_BASIC_PLANE:
        return [run]  # ICU counts such a letter twice.
    iterator = icu.BreakIterator.createWordInstance(icu.Locale.getRoot())
    iterator.setText(run.joined)
    parts: list[str] = []
    for start, end in pairwise([0, *iterator]):
        if parts and 1 in {end - start, len(parts[-1])}:
            parts[-1] += run.joined[start:end]
        else:
            parts.append(run.joined[start:end])
    return [Word(tuple(part), is_run=True) for part in parts]


def _words_of(chunk: str) -> Iterator[Word]:
    """Yield a word for each script that has spaces, or has none. Digits belong to the word before them."""
    marked = chunk if chunk.isascii() else marked_kinds(chunk)
    if OF_RUN not in marked:
        pieces = tuple(PIECE.findall(marked))
        return iter([Word(pieces, stem=_stem_of(chunk, pieces))] if pieces else [])
    return _words_with_runs(PIECE_OR_LETTER.findall(marked))


def _words_with_runs(pieces: Sequence[str]) -> Iterator[Word]:
    is_run = False
    kinds = [is_run := piece[0] == OF_RUN or (is_run and piece.isdecimal()) for piece in pieces]
    for is_run, group in groupby(zip(kinds, pieces, strict=True), key=itemgetter(0)):
        word = tuple(piece.removeprefix(OF_RUN) for _, piece in group)
        yield Word(word, is_run, _without_long_marks(word) if is_run else _stem_of(word[0], word))


def _without_long_marks(run: Sequence[str]) -> str:
    """Return the run as it is found if its long marks are missing, or were typed as hyphens."""
    rest = "".join(letter for letter in run if letter != LONG_MARK)
    return rest if SHORTEST_KANA <= len(rest) < len(run) else ""


def _stem_of(chunk: str, pieces: Sequence[str]) -> str:
    if len(pieces) == 1 and chunk.isascii():
        return ""
    found = ELISION.search(chunk) if len(pieces) > 1 else ARTICLE.search(pieces[0])
    return next(filter(None, found.groups())) if found else ""


def _further_spellings(word: Word) -> Iterator[str]:
    if word.stem and word.stem not in word.pieces:
        yield " ".join(word.stem_word.pieces)
    if len(word.pieces) > 1 and not word.is_run and len(word.joined) <= MAX_JOINED_LENGTH:
        yield word.joined


def _transcribed(text: str) -> set[str]:
    """Return the words that have umlauts as they are typed without: `muenster`, `oersted`, `aarhus`, `djokovic`."""
    composed = unicodedata.normalize("NFC", text)
    if not UMLAUTS.search(composed):
        return set()
    chunks = [chunk for chunk in composed.split() if UMLAUTS.search(chunk)]
    return {word.joined for chunk in chunks for word in words_in(chunk.translate(TRANSCRIPTIONS))}
