"""Sign a message with each of the secrets, so that the receiver can switch from one to the next."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.core.exceptions import ImproperlyConfigured
from standardwebhooks import Webhook

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64
MAKE_ONE = "python3 -c \"import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signers(texts: Sequence[str]) -> list[Webhook]:
    """Return a signer for each secret; raise ImproperlyConfigured, which never shows a secret."""
    if not texts:
        raise ImproperlyConfigured(f"ACCESS_SYSTEM_SECRETS is empty; create a secret: {MAKE_ONE}")
    return [_signer(text.strip(), f"secret {number} of {len(texts)}") for number, text in enumerate(texts, start=1)]


def _signer(text: str, which: str) -> Webhook:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(PREFIX) or not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise ImproperlyConfigured(
            f"ACCESS_SYSTEM_SECRETS: {which} is not {PREFIX} and {FEWEST_BYTES} to {MOST_BYTES} bytes in base64; "
            f"create a secret: {MAKE_ONE}"
        )
    return Webhook(key)


def signed_headers(webhook_id: str, body: bytes, by: Sequence[Webhook]) -> Mapping[str, str]:
    """Return the headers of one attempt; receivers refuse them after some minutes."""
    now = datetime.now(UTC)
    signatures = [signer.sign(webhook_id, now, body.decode()) for signer in by]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
