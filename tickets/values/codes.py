"""Make the short codes that people read out, type and scan."""

import secrets
import unicodedata
from collections.abc import Callable

ALPHABET = "23456789ACDEFGHJKMNPQRTUVWXY"
"""Without letters and digits that look alike: 0 O, 1 I L, 2 Z, 5 S, 8 B."""
LENGTH = 8
IGNORED = frozenset({"Zs", "Cc", "Cf", "Pd"})
"""The categories of Unicode whose characters don't count in a code: spaces and hyphens of all kinds."""


def key_of(code: str) -> str:
    """Return what identifies a code, however it is typed: in any case, with or without spaces and hyphens."""
    letters = unicodedata.normalize("NFKC", code)
    return "".join(char for char in letters if unicodedata.category(char) not in IGNORED).upper()


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def unused_codes(count: int, taken_among: Callable[[set[str]], set[str]]) -> list[str]:
    """Return `count` different codes; `taken_among` returns which of the codes it gets are in use."""
    codes: set[str] = set()
    while len(codes) < count:
        proposed = {_new_code() for _ in range(count - len(codes))}
        codes |= proposed - taken_among(proposed)
    return list(codes)
