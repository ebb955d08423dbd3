"""Tell public addresses from those of private networks."""

from ipaddress import IPv4Address, IPv6Address


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether the address is on the public internet; an IPv4 address wrapped into IPv6 never is."""
    return address.is_global and not (
        address.is_multicast or address.is_reserved or (isinstance(address, IPv6Address) and address.is_site_local)
    )
