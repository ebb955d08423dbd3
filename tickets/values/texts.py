"""Normalize the text of people where it enters, and tell what no text may have; pure."""

import re
import unicodedata

# They are not shown at all, so two texts that differ in them look equal. The joiners U+200C and U+200D are kept:
# Persian, the scripts of India, and emoji need them; so are tags in an emoji of a flag.
REMOVED = re.compile(
    "[\u00ad\u034f\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001]|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+"
)
DIRECTION_MARKS = "\u061c\u200e\u200f"
"""They belong between letters of different directions; at the ends of a text they are left over from copying."""
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMULA = re.compile("('*)[=+\\-@\t\r\n＝＋－＠]")
"""A spreadsheet program would calculate a cell that begins so, and may send it somewhere."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that show nothing."""


def normalized(text: str) -> str:
    """Return the text on one line: composed (NFC), trimmed, with single spaces, and without zero-width spaces."""
    visible = REMOVED.sub("", unicodedata.normalize("NFC", text))
    return " ".join(visible.split()).strip(DIRECTION_MARKS + " ")


def control_character(text: str) -> str:
    """Return the first character that controls a terminal or the direction of text, or "" if there is none."""
    return next(iter(CONTROLS.findall(text)), "")


def as_cell(text: str) -> str:
    """Return the text of a file's cell; an apostrophe before it says to spreadsheet programs that it is no formula."""
    return f"'{text}" if FORMULA.match(text) else text


def from_cell(text: str) -> str:
    """Return the text of which as_cell() has made this one."""
    is_marked = (found := FORMULA.match(text)) and found[1]
    return text[1:] if is_marked else text


def is_visible(text: str) -> bool:
    return any(unicodedata.category(char)[0] in "LNPS" and char not in BLANK for char in text)
