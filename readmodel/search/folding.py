"""Fold text so that spelling variants match: case, accents, width, and letters that a keyboard lacks.

Each character is folded by itself, so folded text can be traced to the letters that it was made of.
"""

import re
import unicodedata

import icu

RULES = r"""
    :: [[:Default_Ignorable_Code_Point:] - [\u115f\u1160\u200b-\u200d\u3164\uffa0]] Remove;
    [´ʾʿꞋꞌ՚] > \';  # Apostrophes of scholars and of typewriters. Latin-ASCII has the others.
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
    ँ > ं; \u0e4d\u0e32 > \u0e33; \u0ecd\u0eb2 > \u0eb3; \u0ebc > \u0ea5;
    # As they are typed on Russian keyboards.
    [әӘ] > а; [өӨ] > о; [үұҮҰ] > у; [һҺ] > х;
    # Letters of Amharic that sound the same.
    [ሐኀኃኻሓሃ] > ሀ; [ሑኁ] > ሁ; [ሒኂ] > ሂ; [ሔኄ] > ሄ; [ሕኅ] > ህ; [ሖኆ] > ሆ;
    ሠ > ሰ; ሡ > ሱ; ሢ > ሲ; ሣ > ሳ; ሤ > ሴ; ሥ > ስ; ሦ > ሶ;
    [ዐዓኣ] > አ; ዑ > ኡ; ዒ > ኢ; ዔ > ኤ; ዕ > እ; ዖ > ኦ;
    ፀ > ጸ; ፁ > ጹ; ፂ > ጺ; ፃ > ጻ; ፄ > ጼ; ፅ > ጽ; ፆ > ጾ;
"""
"""Rules of ICU: its tables of Latin letters and of Chinese characters, and what they lack."""

_transliterator = icu.Transliterator.createFromRules("fold", RULES)
SPELLINGS = (("\u0e4d\u0e32", "\u0e33"), ("\u0ecd\u0eb2", "\u0eb3"), ("եւ", "եվ"))
"""Vowels of Thai and Lao that NFKC takes apart, and the letters that the Armenian ligature և stands for."""
NASALS = re.compile("ङ्(?=[क-घ])|ञ्(?=[च-झ])|ण्(?=[ट-ढ])|न्|म्(?=[प-भ])")
"""A nasal before a consonant of its kind, which Hindi and Marathi also write as a dot (हिन्दी, हिंदी)."""


class _Letters(dict[int, str]):
    """A table for str.translate that asks ICU once for each character."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        digit = unicodedata.decimal(letter, None)
        self[code] = _folded(_base_of(letter)) if digit is None else str(digit)
        return self[code]


def _folded(letter: str) -> str:
    return str(_transliterator.transliterate(letter)).casefold()


def _base_of(letter: str) -> str:
    """Return the Cyrillic letter without its hook, tail or stroke, which Unicode does not take apart."""
    base, has_more, _ = unicodedata.name(letter, "").partition(" WITH ")
    if not (has_more and base.startswith("CYRILLIC ")):
        return letter
    try:
        return unicodedata.lookup(base)
    except KeyError:
        return letter


_letters = _Letters()


def fold(text: str) -> str:
    """Return the same text for `Zoë`, `ZOE` and `zoe`. Documents and queries are both folded."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text.replace("´", "'")).translate(_letters)
    for spelling, other in SPELLINGS:
        folded = folded.replace(spelling, other)
    return NASALS.sub("ं", folded)


def fold_letter(letter: str) -> str:
    """Return the folded letter, which may be empty or have several characters."""
    return _letters[ord(letter)]
