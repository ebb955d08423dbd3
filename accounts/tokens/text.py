"""Make the text of a token: a prefix by which scanners for secrets know it, random characters, and a checksum."""

import secrets
import string
from hashlib import sha256
from zlib import crc32

PREFIX = "tickets_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 32
"""190 bits."""
CHECKSUM_LENGTH = 6
"""Enough for 32 bits."""
SHOWN_LENGTH = len(PREFIX) + 4
"""So much of the text is kept, for people to tell tokens apart."""


def new_text() -> str:
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return PREFIX + random + _checksum(random)


def is_well_formed(text: str) -> bool:
    """Tell whether the text can be a token; one that begins with our prefix needs the right checksum."""
    if not text.startswith(PREFIX):
        return True  # A token of an earlier release has no prefix.
    body = text.removeprefix(PREFIX)
    return body[RANDOM_LENGTH:] == _checksum(body[:RANDOM_LENGTH])


def digest_of(text: str) -> str:
    """Return what is stored of a token. The text is random, so that a fast hash is enough."""
    return sha256(text.encode()).hexdigest()


def _checksum(random: str) -> str:
    number, digits = crc32(random.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
