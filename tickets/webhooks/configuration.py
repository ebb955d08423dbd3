"""What the settings say of the access system."""

from ipaddress import ip_address

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tickets.webhooks.addresses import is_public
from tickets.webhooks.signing import signers
from tickets.webhooks.target import WebhookTarget


def configured_target() -> WebhookTarget:
    """Return the access system; raise ImproperlyConfigured."""
    allow_private = settings.ACCESS_SYSTEM_ALLOW_PRIVATE
    return WebhookTarget(configured_url(), signers(settings.ACCESS_SYSTEM_SECRETS), allow_private=allow_private)


def configured_url() -> httpx.URL:
    """Return the address; raise ImproperlyConfigured, which never shows it: it may have a password.

    A name is resolved when it is called; what it names then may change.
    """
    refusal = ImproperlyConfigured("ACCESS_SYSTEM_URL must be the http(s) address that takes cancellations")
    try:
        url = httpx.URL(settings.ACCESS_SYSTEM_URL)
    except httpx.InvalidURL:
        raise refusal from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise refusal
    if not settings.ACCESS_SYSTEM_ALLOW_PRIVATE and _is_private(url.host):
        raise ImproperlyConfigured(
            f"ACCESS_SYSTEM_URL has {url.host}, which is no public address; ACCESS_SYSTEM_ALLOW_PRIVATE=true allows it"
        )
    return url


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False  # A name.
