"""Keep secrets in the database encrypted: whoever reads the database or a backup alone can't sign with them.

The keys are made of SECRET_KEY and its fallbacks, so that SECRET_KEY can be changed.
"""

import base64
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PURPOSE = b"webhook secrets"


class Unreadable(Exception):
    """SECRET_KEY was changed, and its fallbacks lack the former one: rotate the secret."""

    def __init__(self) -> None:
        super().__init__((self.__doc__ or "").strip())


def seal(secret: str) -> str:
    return _keys().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret; raise Unreadable."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _keys() -> MultiFernet:
    texts = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(text)) for text in texts])


def _key(text: str) -> bytes:
    return base64.urlsafe_b64encode(blake2b(text.encode(), person=PURPOSE, digest_size=32).digest())
