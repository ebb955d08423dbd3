"""Fold text so that spelling variants meet: case, accents, full width, and composed or decomposed characters."""

import re
import unicodedata

# Only the accents of Latin, Greek and Cyrillic: elsewhere (Thai, Devanagari) a mark makes another word.
ACCENTS = re.compile("[\u0300-\u036f]")
# The tokenizer makes a word of each of these characters: only their order tells a word from a coincidence.
IDEOGRAPHS = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LETTERS_DIGITS_MARKS = frozenset("LNM")
"""The categories of Unicode that words are made of."""


def fold(text: str) -> str:
    """Return what `Zoë`, `ZOE` and `zoe` have in common; the same for a document's words and a query's."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", ACCENTS.sub("", decomposed))
