"""Fold text so that spelling variants meet: case, accents, full width, and composed or decomposed characters."""

import re
import unicodedata

# Only the accents of Latin, Greek and Cyrillic: elsewhere (Thai, Devanagari) a mark makes another word.
ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """Return what `Zoë`, `ZOE` and `zoe` have in common; the same for a document's words and a query's."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", ACCENTS.sub("", decomposed))
