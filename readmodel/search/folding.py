"""Fold text so that spelling variants match: case, accents, full width, and composed or decomposed characters."""

import re
import unicodedata

# Only the accents of Latin, Greek and Cyrillic: in other scripts (Thai, Devanagari) a mark changes the word.
ACCENTS = re.compile("[\u0300-\u036f]")
# The tokenizer takes each of these characters for a word, so searches must compare their order too.
IDEOGRAPHS = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LETTERS_DIGITS_MARKS = frozenset("LNM")
"""The categories of Unicode whose characters make up words."""


def fold(text: str) -> str:
    """Return the same text for `Zoë`, `ZOE` and `zoe`. Documents and queries are both folded."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", ACCENTS.sub("", decomposed))
