"""Read and check the settings of the access system."""

from ipaddress import ip_address

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tickets.webhooks.addresses import is_public
from tickets.webhooks.signing import signers
from tickets.webhooks.target import WebhookTarget


def configured_target() -> WebhookTarget:
    """Return the access system as a target; raise ImproperlyConfigured."""
    allow_private = settings.ACCESS_SYSTEM_ALLOW_PRIVATE
    return WebhookTarget(configured_url(), signers(settings.ACCESS_SYSTEM_SECRETS), allow_private=allow_private)


def configured_url() -> httpx.URL:
    """Return the address; raise ImproperlyConfigured, which never shows the address, since it may have a password.

    A host name is not resolved here, because its addresses may change; each connection checks them.
    """
    refusal = ImproperlyConfigured(
        "ACCESS_SYSTEM_URL is not a valid address: set it to the http(s) URL that takes cancellations"
    )
    try:
        url = httpx.URL(settings.ACCESS_SYSTEM_URL)
    except httpx.InvalidURL:
        raise refusal from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise refusal
    if not settings.ACCESS_SYSTEM_ALLOW_PRIVATE and _is_private(url.host):
        raise ImproperlyConfigured(
            f"ACCESS_SYSTEM_URL has {url.host}, which is not a public address; "
            "set ACCESS_SYSTEM_ALLOW_PRIVATE=true to allow it"
        )
    return url


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False  # It is a name.
