"""Fold text so that spelling variants match: case, accents, width, and letters that a keyboard lacks.

Each character is folded by itself, so folded text can be traced to the letters that it was made of.
"""

import unicodedata

import icu

RULES = r"""
    :: [[:Default_Ignorable_Code_Point:] - [\u115f\u1160\u200b-\u200d\u3164\uffa0]] Remove;
    [´ʾʿ] > \';  # Apostrophes of scholars and of typewriters. Latin-ASCII has the others.
    :: NFKD;
    # In other scripts (Thai, Devanagari) a mark changes the word, and so does the voiced mark of kana.
    :: [[[:Mn:][:Me:]] & [[:Inherited:][:Latin:][:Greek:][:Cyrillic:][:Arabic:][:Hebrew:][:Syriac:]]
        - [\u3099\u309a]] Remove;
    :: [:Indic_Syllabic_Category=Nukta:] Remove;
    :: NFC;
    :: Latin-ASCII;
    ə > e; Ə > E;
    # Input methods show hiragana until somebody has chosen the word.
    :: Hiragana-Katakana;
    :: Hant-Hans;
    # Arabic, Persian and Urdu keyboards write the same letters, and hasty writers leave out dots and hamza.
    ـ > ; ٱ > ا; ة > ه; [ہھەۀ] > ه; [ىی] > ي; [کڪ] > ك;
    ँ > ं; \u0e4d\u0e32 > \u0e33; \u0ecd\u0eb2 > \u0eb3;
"""
"""Rules of ICU: its tables of Latin letters and of Chinese characters, and what they lack."""

_transliterator = icu.Transliterator.createFromRules("fold", RULES)
SPELLINGS = (("\u0e4d\u0e32", "\u0e33"), ("\u0ecd\u0eb2", "\u0eb3"), ("न्", "ं"))
"""Vowels of Thai and Lao that NFKC takes apart, and the two spellings of a nasal in Hindi (हिन्दी, हिंदी)."""


class _Letters(dict[int, str]):
    """A table for str.translate that asks ICU once for each character."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        folded = unicodedata.decimal(letter, None)
        self[code] = str(_transliterator.transliterate(letter)).casefold() if folded is None else str(folded)
        return self[code]


_letters = _Letters()


def fold(text: str) -> str:
    """Return the same text for `Zoë`, `ZOE` and `zoe`. Documents and queries are both folded."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text.replace("´", "'")).translate(_letters)
    for spelling, other in SPELLINGS:
        folded = folded.replace(spelling, other)
    return folded


def fold_letter(letter: str) -> str:
    """Return the folded letter, which may be empty or have several characters."""
    return _letters[ord(letter)]
