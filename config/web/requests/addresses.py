"""Find out where a request came from: behind a proxy, only the proxy knows the client's address and scheme.

X-Forwarded-For and X-Forwarded-Proto are believed from the TRUSTED_PROXIES alone, since anybody can send them.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin
from rest_framework.request import Request

logger = logging.getLogger(__name__)

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED_PROTO = "HTTP_X_FORWARDED_PROTO"
SCHEMES = {"http", "https"}


def client_address(request: HttpRequest | Request) -> str:
    """Return the client's address as it is known after ForwardedMiddleware; empty on a Unix socket."""
    return str(request.META.get("REMOTE_ADDR") or "")


class ForwardedMiddleware(MiddlewareMixin):
    """Give the request the client's address (REMOTE_ADDR) and scheme, as a trusted proxy says.

    It comes first, and removes the headers, so that nothing behind it believes those of a stranger.
    """

    _has_reported = False

    def process_request(self, request: HttpRequest) -> None:
        forwarded_for, forwarded_proto = (request.META.pop(name, "") for name in (FORWARDED_FOR, FORWARDED_PROTO))
        peer = parse_address(client_address(request))
        if peer is None:
            return
        request.META["REMOTE_ADDR"] = str(_client_behind(peer, forwarded_for))
        # The last value is the one that our own proxy has written. Django reads it by SECURE_PROXY_SSL_HEADER.
        scheme = forwarded_proto.rpartition(",")[2].strip().lower()
        if scheme in SCHEMES and _is_trusted(peer):
            request.META[FORWARDED_PROTO] = scheme
        elif forwarded_proto:
            self._report(peer)

    def _report(self, peer: Address) -> None:
        """Log the first header that is ignored: redirects without end are hard to explain otherwise."""
        if not self._has_reported:
            self._has_reported = True
            logger.warning(
                "%s sends an X-Forwarded-Proto that is ignored; if it is your proxy, name it in TRUSTED_PROXIES, "
                "and let it send http or https",
                peer,
            )


def trusted_proxies() -> Sequence[Network]:
    """Return the networks of TRUSTED_PROXIES; raise ImproperlyConfigured."""
    return _networks(tuple(settings.TRUSTED_PROXIES))


def parse_address(text: str) -> Address | None:
    """Return the address of a text, which may have a port; None if it has none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A scope may be any text, which would reach the log; a server that listens on IPv6 maps IPv4.
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _client_behind(peer: Address, forwarded_for: str) -> Address:
    """Go back from the peer, as long as the addresses are of proxies, which have each noted the one before them."""
    address = peer
    for text in reversed(forwarded_for.split(",")):
        before = parse_address(text) if _is_trusted(address) else None
        if before is None:
            break
        address = before
    return address


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in trusted_proxies())


@lru_cache(maxsize=1)
def _networks(texts: tuple[str, ...]) -> Sequence[Network]:
    return [_network(text) for text in texts]


def _network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES: {error}; write addresses or networks, such as 10.0.0.5,10.1.0.0/16"
        ) from error
    if network.prefixlen == 0:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: {text} would trust every client; name your proxies alone")
    return network
