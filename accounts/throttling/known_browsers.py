"""Know the browsers in which an account has logged in, by a signed cookie, so that strangers can't lock them out."""

import secrets
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "known_device"
SALT = "accounts.devices"  # An earlier name of this module; cookies are signed with it.
PATH = "/log-in/"
KEPT_SECONDS = 180 * 24 * 3600
MOST_ACCOUNTS = 10


def device_of(request: HttpRequest, account: str) -> str:
    """Return the id of the browser if the account has logged in there before, else an empty text."""
    known = _known(request)
    return str(known["device"]) if _short(account) in known["accounts"] else ""


def remember(request: HttpRequest, response: HttpResponse, account: str) -> None:
    """Note in the browser that the account has logged in there."""
    known = _known(request)
    accounts = [_short(account), *(other for other in known["accounts"] if other != _short(account))]
    value = signing.dumps({"device": known["device"], "accounts": accounts[:MOST_ACCOUNTS]}, salt=SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=KEPT_SECONDS,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _known(request: HttpRequest) -> dict[str, Any]:
    try:
        found: dict[str, Any] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return {"device": secrets.token_urlsafe(12), "accounts": []}
    return found


def _short(account: str) -> str:
    return sha256(account.encode()).hexdigest()[:16]
