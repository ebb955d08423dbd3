"""Text from anywhere, made safe to look at: nothing in it is obeyed by a terminal or turns the reading direction."""

import re

# Controls but newline and tab, marks of direction, other invisible characters, and separators of lines. The joiners
# U+200C and U+200D stay: scripts and emoji need them.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Replace unsafe characters by their codes, such as \u001b. What was JSON still is, with the same meaning."""
    return UNSAFE.sub(lambda found: codes_of(found[0]), text)


def codes_of(text: str) -> str:
    r"""Return the characters' codes as JSON writes them: \u202e, and two of them above U+FFFF."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
