"""Mark the typed words in a text, also if case or accents differ; pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from django.utils.html import escape

from readmodel.search.folding import IDEOGRAPHS, LETTERS_DIGITS_MARKS, fold

MARK, END_MARK = "<mark>", "</mark>"
# A word also begins or ends next to an ideograph, which is itself a word.
START = rf"(?:(?<!\w)|(?<={IDEOGRAPHS.pattern}))"
END = rf"(?!\w)|(?={IDEOGRAPHS.pattern})"


def marked(text: str, words: Sequence[str]) -> str:
    """Return the text as escaped HTML with <mark> around each of these words; the last word may be a prefix."""
    text = unicodedata.normalize("NFC", text)
    html, end_of_last = "", 0
    for start, end in _spans(text, words):
        html += f"{escape(text[end_of_last:start])}{MARK}{escape(text[start:end])}{END_MARK}"
        end_of_last = end
    return html + escape(text[end_of_last:])


def _spans(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where each word begins and ends in the text. A letter may have no letter or several when folded."""
    places = [(place, folded) for place, letter in enumerate(text) for folded in fold(letter)]
    pieces = [folded for word in words for piece in _pieces_of(word) if (folded := fold(piece))]
    if not pieces:
        return
    *whole, last = pieces
    patterns = [*(_pattern_of(piece, end=END) for piece in sorted(whole, key=len, reverse=True)), _pattern_of(last)]
    for found in re.finditer("|".join(patterns), "".join(folded for _, folded in places)):
        yield places[found.start()][0], places[found.end() - 1][0] + 1


def _pattern_of(piece: str, *, end: str = "") -> str:
    return re.escape(piece) if IDEOGRAPHS.search(piece) else rf"{START}{re.escape(piece)}(?:{end})"


def _pieces_of(word: str) -> list[str]:
    """Split the word at punctuation."""
    is_kept = [unicodedata.category(letter)[0] in LETTERS_DIGITS_MARKS for letter in word]
    return "".join(letter if kept else " " for letter, kept in zip(word, is_kept, strict=True)).split()
