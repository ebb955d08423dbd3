"""Make the short codes that people read out, type and scan."""

import secrets
from collections.abc import Callable

ALPHABET = "23456789ACDEFGHJKMNPQRTUVWXY"
"""Without letters and digits that look alike: 0 O, 1 I L, 2 Z, 5 S, 8 B."""
LENGTH = 8


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def unused_codes(count: int, taken_among: Callable[[set[str]], set[str]]) -> list[str]:
    """Return `count` different codes; `taken_among` returns which of the codes it gets are in use."""
    codes: set[str] = set()
    while len(codes) < count:
        proposed = {_new_code() for _ in range(count - len(codes))}
        codes |= proposed - taken_among(proposed)
    return list(codes)
