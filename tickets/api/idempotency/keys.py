"""Read a request's idempotency key; the digests by which the key and the request are known."""

import json
import re
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple, Self

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
SALT = "tickets.api.idempotency"

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A text of your own, such as a UUID, for this change. A request that is sent again with the same key "
    "within 24 hours changes nothing more, and gets the same answer.",
)
REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=True,
    description="The request was carried out before; this is its answer.",
)


class KeyInFlight(APIException):
    """A request with the same key is being carried out."""

    status_code = HTTPStatus.CONFLICT
    default_code = "idempotency-key-in-flight"
    default_detail = "A request with this Idempotency-Key is being carried out. Send it again in a moment."
    wait = 1  # DRF sends it as Retry-After.


class KeyReused(APIException):
    """The key belongs to another request."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "idempotency-key-reused"
    default_detail = (
        "This Idempotency-Key belongs to another request, with another address or body. Send a new request with a new "
        "key, and a repeated one unchanged."
    )


class RequestKey(NamedTuple):
    """What is known of a request with a key. The digest of the key is also the number of its lock."""

    key_digest: str
    canonical_request: str

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Return None for a request without a key; raise ValidationError for a wrong one."""
        key = request.headers.get(HEADER)
        if key is None:
            return None
        if not KEY.fullmatch(key):
            raise ValidationError(
                {HEADER: [f"A key has 1 to {LONGEST_KEY} visible ASCII characters, without spaces; send a UUID."]}
            )
        canonical = [request.method, request.path, sorted(request.query_params.lists()), request.data]
        digest = sha256(f"{request.user.pk} {key}".encode()).hexdigest()
        return cls(digest, json.dumps(canonical, sort_keys=True))

    @property
    def lock_number(self) -> int:
        """A number of 64 bits, as PostgreSQL takes it."""
        return int.from_bytes(bytes.fromhex(self.key_digest)[:8], signed=True)

    @property
    def request_digest(self) -> str:
        return self._digest(settings.SECRET_KEY)

    def has_request(self, digest: str) -> bool:
        """Tell whether this is the digest of the same request, also after the secret key was rotated."""
        secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return any(constant_time_compare(self._digest(secret), digest) for secret in secrets)

    def _digest(self, secret: str) -> str:
        return salted_hmac(SALT, self.canonical_request, secret, algorithm="sha256").hexdigest()
