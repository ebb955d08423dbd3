"""Check the addresses of receivers, and read that of the settings."""

import re
from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from events.processes.optional_packages import without_packages
from tickets.webhooks.addresses import is_public

with without_packages("click"):  # httpx has a command line too, which would load rich and pygments.
    import httpx

NAME = re.compile(r"[A-Za-z0-9._-]+")
PORTS = range(1, 65536)


class AddressRefused(ValueError):
    """An address that takes no webhooks; the message never shows it, since it may have a password."""


def checked_url(text: str) -> httpx.URL:
    """Return the address; raise AddressRefused.

    A host name is not resolved here, because its addresses may change; each connection checks them.
    """
    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError):
        raise AddressRefused("is not a valid address") from None
    if url.scheme not in {"http", "https"} or not _is_host(url.raw_host.decode()):
        raise AddressRefused("is not a valid address")
    if url.port is not None and url.port not in PORTS:
        raise AddressRefused("is not a valid address")
    if not settings.ACCESS_SYSTEM_ALLOW_PRIVATE and _is_private(host):
        raise AddressRefused(
            f"has {host}, which is not a public address; set ACCESS_SYSTEM_ALLOW_PRIVATE=true to allow it"
        )
    return url


def configured_url() -> httpx.URL:
    """Return the address of the settings; raise ImproperlyConfigured."""
    try:
        return checked_url(settings.ACCESS_SYSTEM_URL)
    except AddressRefused as refusal:
        hint = "" if ";" in str(refusal) else ": set it to the http(s) URL that takes cancellations"
        raise ImproperlyConfigured(f"ACCESS_SYSTEM_URL {refusal}{hint}") from None


def _is_host(text: str) -> bool:
    """Return whether this is an IP address, or has the letters of a name: httpx encodes all others, such as spaces."""
    return bool(NAME.fullmatch(text)) or ":" in text  # httpx takes brackets around a valid address only.


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False  # It is a name.
