"""Count attempts to log in, before the password is looked at, so that parallel ones are counted too.

An account's own browser has a counter of its own: nobody else can lock it out. All others are counted by account and
address, by address, and by account; what one counter refuses, the next ones don't count. So one address alone can't
use up what the account is allowed from everywhere.
"""

import logging
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple
from unicodedata import normalize

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts import security_log
from accounts.exceptions import LockedOut
from accounts.throttling import limits
from accounts.throttling.known_browsers import device_of
from accounts.throttling.limits import Limit

BY_DEVICE = Limit("log-ins of an account in its own browser", attempts=10, seconds=600)
BY_ACCOUNT_AND_ADDRESS = Limit("log-ins of an account from an address", attempts=10, seconds=600)
BY_ADDRESS = Limit("log-ins from an address", attempts=60, seconds=600)
BY_ACCOUNT = Limit("log-ins of an account", attempts=200, seconds=3600)
BY_SESSION = Limit("old passwords and codes of a user", attempts=10, seconds=600)

HASH_LENGTH = 16


class Counter(NamedTuple):
    """A limit, and whose attempts are counted."""

    limit: Limit
    who: tuple[str, ...]


class Attempt:
    """An attempt that was counted. Tell how it ended; without that, it counts as wrong."""

    def __init__(self, *counters: Counter, username: str) -> None:
        """Count the attempt by each counter in turn. Raise LockedOut."""
        self._counters = counters
        for counter in counters:
            if seconds := limits.count(counter.limit, *counter.who):
                values = {"counted": counter.limit.kind, "seconds": seconds}
                security_log.write("locked_out", level=logging.WARNING, account=_logged(username), **values)
                raise LockedOut(seconds)

    def was_right(self) -> None:
        first, *others = self._counters
        limits.forget(first.limit, *first.who)
        for counter in others:
            limits.take_back(counter.limit, *counter.who)

    def was_not_made(self) -> None:
        for counter in self._counters:
            limits.take_back(counter.limit, *counter.who)


def log_in_attempt(request: HttpRequest, username: str) -> Attempt:
    """Count an attempt to log in. Raise LockedOut."""
    account = account_of(username)
    if device := device_of(request, account):
        return Attempt(Counter(BY_DEVICE, (account, device)), username=username)
    address = network_of(security_log.address_of(request))
    return Attempt(
        Counter(BY_ACCOUNT_AND_ADDRESS, (account, address)),
        Counter(BY_ADDRESS, (address,)),
        Counter(BY_ACCOUNT, (account,)),
        username=username,
    )


def attempt_of(user: Any) -> Attempt:
    """Count an attempt of a user who is logged in, or half-way, to prove who it is. Raise LockedOut."""
    return Attempt(Counter(BY_SESSION, (str(user.pk),)), username=user.get_username())


def account_of(username: str) -> str:
    """Return the name by which an account's attempts are counted, whatever case it is typed in."""
    return normalize("NFKC", username).casefold()


def network_of(address: str) -> str:
    """Return the address, or the network that a client with an IPv6 address can choose its addresses from."""
    try:
        is_v6 = isinstance(ip_address(address), IPv6Address)
    except ValueError:
        return address
    return str(ip_network((address, 64), strict=False)) if is_v6 else address


def _logged(username: str) -> int | str:
    """Return the account's id, or a keyed hash of a name that no account has: people type passwords there."""
    model = get_user_model()
    found = model.objects.filter(**{f"{model.USERNAME_FIELD}__iexact": username}).order_by("pk").first()
    if found:
        return int(found.pk)
    return salted_hmac("accounts.unknown", account_of(username), algorithm="sha256").hexdigest()[:HASH_LENGTH]
