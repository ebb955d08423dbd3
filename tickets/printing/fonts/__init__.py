"""The fonts of printed tickets, and which characters they have."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from django.conf import settings
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
SANS = HERE / "DejaVuSans.ttf"
CHINESE_AND_JAPANESE = HERE / "DroidSansFallbackFull.ttf"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
INVISIBLE = "\u200c\u200d\u200e\u200f\u061c"
"""They join letters or give a direction, and need no glyph."""


def fallbacks_for(text: str) -> Sequence[Path]:
    """Return the fonts that have characters of the text which the font before lacks: only these are embedded."""
    missing = set(text) - _characters_of(SANS)
    needed = []
    for font in _further():
        if found := missing & _characters_of(font):
            needed.append(font)
            missing -= found
    return needed


def printable(text: str) -> str:
    """Replace the characters that no font has by one that says so."""
    known = _characters_of(SANS).union(INVISIBLE, *(map(_characters_of, _further())))
    return "".join(char if char in known else REPLACEMENT for char in text)


def _further() -> Sequence[Path]:
    return [CHINESE_AND_JAPANESE, *map(Path, settings.TICKETS_FONTS)]


@cache
def _characters_of(font: Path) -> frozenset[str]:
    with TTFont(font, lazy=True) as file:
        return frozenset(map(chr, file.getBestCmap()))
