"""List which codes are valid and which are void, for devices that are offline for a while: all, then what has changed.

A list begins with the tickets as their table has them, and goes on with the log from where it ended before that. The
positions of the log have no gaps, so no change is left out, however late it is committed. Codes are hashed with the
list's own salt: a list that gets lost is of no use at a gate without guessing codes one by one.
"""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Self
from uuid import UUID

from events.feed import pages as feed
from events.feed.cursor import FeedCursor, MalformedCursor
from tickets.models.queries import TicketQuerySet

CURSOR = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{8})\.([\w-]+)\.([0-9a-f]{32})?", re.ASCII)
HASH_BYTES = 12


class OtherFilters(MalformedCursor):
    """The list was begun with other filters: send the same ones, or begin again."""


class Place(NamedTuple):
    """How far a device has its list: up to the ticket `after` while it reads the table, then up to `log`."""

    salt: str
    filters: str
    log: FeedCursor
    after: UUID | None
    """None: the table was read."""

    @classmethod
    def first(cls, filters: Mapping[str, Any]) -> Self:
        """Begin a list; the log's end has to be read before the table."""
        return cls(secrets.token_hex(16), _digest_of(filters), feed.end(), UUID(int=0))

    @classmethod
    def parse(cls, text: str, filters: Mapping[str, Any]) -> Self:
        """Raise CursorRefused if the list can't go on there."""
        match = CURSOR.fullmatch(text)
        if not match:
            raise MalformedCursor
        if match[2] != _digest_of(filters):
            raise OtherFilters
        return cls(match[1], match[2], FeedCursor.parse(match[3]), UUID(match[4]) if match[4] else None)

    def __str__(self) -> str:
        return f"{self.salt}.{self.filters}.{self.log}.{self.after.hex if self.after else ''}"


class CodeListPage(NamedTuple):
    """The statuses of tickets by the hashes of their codes, and where the list goes on."""

    statuses: Mapping[str, str]
    next: Place
    has_more: bool


def read_page(place: Place, tickets: TicketQuerySet, *, limit: int) -> CodeListPage:
    """Return the next page of the list of these tickets; raise CursorRefused."""
    if place.after is None:
        return _changed_since(place, tickets, limit)
    rows = tickets.filter(id__gt=place.after).order_by("id").values_list("id", "code_key", "status")
    found = list(rows[:limit])
    is_read = len(found) < limit
    reached = place._replace(after=None if is_read else found[-1][0])
    return CodeListPage(_hashed(place, ((key, status) for _, key, status in found)), reached, not is_read)


def _changed_since(place: Place, tickets: TicketQuerySet, limit: int) -> CodeListPage:
    page = feed.read_page(place.log, limit=limit)
    changed = tickets.filter(id__in={event.subject for event in page.events})
    statuses = _hashed(place, changed.values_list("code_key", "status"))
    return CodeListPage(statuses, place._replace(log=page.next), page.has_more)


def _hashed(place: Place, rows: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {hash_of(key, place.salt): status for key, status in rows}


def hash_of(code_key: str, salt: str) -> str:
    """Return the first 96 bits of the SHA-256 of salt, dot and code, in base64."""
    return urlsafe_b64encode(sha256(f"{salt}.{code_key}".encode()).digest()[:HASH_BYTES]).decode()


def _digest_of(filters: Mapping[str, Any]) -> str:
    named = "\n".join(f"{name}={filters[name]}" for name in sorted(filters))
    return sha256(named.encode()).hexdigest()[:8]
