"""Mark the typed words in a text, also if case or accents differ; pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from django.utils.html import escape

from readmodel.search.folding import fold_letter
from readmodel.search.words import LONG_MARK, OF_RUN, PUNCTUATION, Word, marked_kinds, parts_of

MARK, END_MARK = "<mark>", "</mark>"
GAP = f"[ {PUNCTUATION}]"
# A word also begins or ends next to a letter of a run, and begins after an article of Arabic or Hebrew.
START = f"(?:^|(?<={GAP})|(?<={OF_RUN}.)|(?<=ال)|(?<=لل)|(?<=ה))"
END = f"(?=$|{GAP}|{OF_RUN})"


def marked(text: str, words: Sequence[Word]) -> str:
    """Return the text as escaped HTML with <mark> around each of these words; the last word may be a prefix."""
    text = unicodedata.normalize("NFC", text)
    html, end_of_last = "", 0
    for start, end in _spans(text, words):
        html += f"{escape(text[end_of_last:start])}{MARK}{escape(text[start:end])}{END_MARK}"
        end_of_last = end
    return html + escape(text[end_of_last:])


def _spans(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield where each word begins and ends in the text. A letter may have no letter or several when folded."""
    if not words:
        return
    places = [(place, folded) for place, letter in enumerate(text) for folded in marked_kinds(fold_letter(letter))]
    ends = [*(place for place, _ in places), len(text)]
    for found in re.finditer(_pattern_of(words), "".join(folded for _, folded in places)):
        # Accents that were folded away belong to the letter before them.
        yield ends[found.start()], max(ends[found.end()], ends[found.end() - 1] + 1)


def _pattern_of(words: Sequence[Word]) -> str:
    *whole, last = words
    patterns = [_whole(word) for word in sorted(whole, key=lambda word: len(word.joined), reverse=True)]
    stems = [_whole(word.stem_word) for word in words if word.stem]
    parts = [_letters(part) for word in words if word.is_run for part in parts_of(word)]
    return "|".join([*patterns, _letters(last), *stems, *parts])


def _whole(word: Word) -> str:
    return _letters(word) if word.is_run else f"{_letters(word)}{END}"


def _letters(word: Word) -> str:
    """Match the letters of the word, which may have punctuation between them."""
    if word.is_run:
        return f"(?:{GAP}|{OF_RUN}{LONG_MARK})*".join(f"{OF_RUN}?{re.escape(letter)}" for letter in word.joined)
    return START + f"{GAP}*".join(f"{PUNCTUATION}*".join(map(re.escape, piece)) for piece in word.pieces)
