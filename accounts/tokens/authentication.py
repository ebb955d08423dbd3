"""Authenticate a REST request by its token: `Authorization: Bearer <token>`, or `Token <token>` as before."""

import logging
from typing import Any, NamedTuple

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from accounts import security_log
from accounts.throttling import limits
from accounts.throttling.limits import Limit
from accounts.tokens.text import digest_of, is_well_formed
from accounts.tokens.token import Token

KEYWORDS = {b"bearer", b"token"}
REFUSED = "accounts.refused_token"
"""A key of request.META, with the Refusal of the request's token."""
UNKNOWN = "unknown"
MESSAGES = {
    UNKNOWN: "This token is not known.",
    "malformed": "Send the header `Authorization: Bearer <token>`, with one token.",
    "expired": "This token has expired.",
    "revoked": "This token was revoked.",
    "user inactive": "The user of this token is not active.",
}
GUESSES = Limit("guessed tokens of an address", attempts=60, seconds=600)
"""Valid tokens are accepted all the same: they can't be guessed, and others may share the address."""


class Refusal(NamedTuple):
    """Why a token is refused, and which one it is, if we know it."""

    reason: str
    token: Token | None


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() not in KEYWORDS:
            return None
        token = _find(words[1]) if len(words) == 2 else None  # noqa: PLR2004 (keyword and token)
        reason = token.refusal() if token else UNKNOWN if len(words) == 2 else "malformed"  # noqa: PLR2004
        if token is None or reason:
            raise _refused(request, Refusal(reason, token))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 (RFC 6750)."""
        error = ', error="invalid_token"' if request.META.get(REFUSED) else ""
        return f'Bearer realm="api"{error}'


def note(request: HttpRequest) -> None:
    """Note the use or the refusal of the request's token, after its transaction: a refusal rolls that back."""
    if refusal := request.META.get(REFUSED):
        _note_refusal(request, refusal)
    elif isinstance(token := getattr(request, "auth", None), Token):
        token.note_use()


def _note_refusal(request: HttpRequest, refusal: Refusal) -> None:
    if refusal.reason == UNKNOWN:
        limits.count(GUESSES, security_log.address_of(request))
    known = {"of": refusal.token.user.get_username(), "token": refusal.token.id} if refusal.token else {}
    security_log.write("token_refused", level=logging.WARNING, **known, reason=refusal.reason, path=request.path)


def _find(word: bytes) -> Token | None:
    text = word.decode("latin-1")
    if not is_well_formed(text):
        return None
    return Token.objects.select_related("user").filter(digest=digest_of(text)).first()


def _refused(request: Request, refusal: Refusal) -> Exception:
    request.META[REFUSED] = refusal
    if refusal.reason == UNKNOWN and (seconds := limits.seconds_refused(GUESSES, security_log.address_of(request))):
        return Throttled(seconds)
    return AuthenticationFailed(MESSAGES[refusal.reason])
