"""Sign the code of a ticket for its QR code, and tell whether a scanned text was signed here.

The text is T1.<code>.<signature>, in the letters and digits that make a QR code small. The signature shows that this
service has made the QR code, so a guessed code can't be printed as one; whoever knows a ticket's code can type it.
"""

from base64 import b32encode
from collections.abc import Sequence

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from tickets.exceptions import NotGenuine

SALT = "tickets.gate.signed_code"
VERSION = "T1"
SIGNATURE_BYTES = 10


def signed(code: str) -> str:
    """Return the text of the QR code."""
    return f"{VERSION}.{code}.{_signature(code, _secrets()[0])}"


def code_in(text: str) -> str:
    """Return the code that was signed; raise NotGenuine."""
    version, _, rest = text.strip().partition(".")
    code, _, signature = rest.rpartition(".")
    if version != VERSION or not code:
        raise NotGenuine
    if not any(constant_time_compare(_signature(code, secret), signature) for secret in _secrets()):
        raise NotGenuine
    return code


def _secrets() -> Sequence[str]:
    """Return the secrets by which QR codes are known; the first one signs."""
    return settings.TICKETS_QR_KEYS or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _signature(code: str, secret: str) -> str:
    digest = salted_hmac(SALT, f"{VERSION}.{code}", secret, algorithm="sha256").digest()
    return b32encode(digest[:SIGNATURE_BYTES]).decode()
