"""An index as Elasticsearch describes it, with the notes of rebuilds in its `_meta`; pure.

A rebuild may be killed at any moment. So whatever it changes for a while is noted in the index first, and whoever reads
the notes later can tell a leftover from a rebuild at work.
"""

import time
from collections.abc import Mapping
from typing import Any, Self

import msgspec

VERSION = "projection"
"""The version of the projection that the index was made by."""
FILLING = "filling"
"""It was never searched."""
REJECTED = "rejected"
"""It was searched once, but an older one was chosen again."""
HELD_UNTIL = "held_until"
"""Until when its refreshes are held, in seconds since 1970."""

NO_REFRESH = "-1"
REPLICAS = "auto_expand_replicas"
"""The setting with a range of their number: with fewer nodes there are fewer, so that one node alone is enough."""


class Target(msgspec.Struct, frozen=True):
    """A concrete index: its name, and the UUID that no other index has, not even a later one of that name."""

    name: str
    uuid: str
    version: str = ""
    """Of the projection that it was made by."""
    is_new: bool = False
    """It is being filled, and was never searched."""
    is_rejected: bool = False
    """It was searched, but an older one was chosen again."""

    @property
    def may_be_searched_again(self) -> bool:
        """Tell whether it was searched until a newer index took its place."""
        return not (self.is_new or self.is_rejected)


class IndexState(msgspec.Struct, frozen=True):
    """The notes of an index, and those of its settings that are changed while it is used."""

    target: Target
    refresh_interval: str
    replicas: str
    """The range of the number of replicas, which depends on the number of nodes, such as `0-1`."""
    fields: frozenset[str]
    """The names of the fields of its mapping."""
    notes: Mapping[str, Any]
    is_searched: bool

    @classmethod
    def of(cls, name: str, description: Mapping[str, Any], alias: str) -> Self:
        """Read what the server answers; indices of earlier releases have no notes but that of their version."""
        mappings = description["mappings"]
        notes, fields = mappings.get("_meta", {}), frozenset(mappings.get("properties", ()))
        index, is_searched = description["settings"]["index"], alias in description["aliases"]
        interval = index.get("refresh_interval", "")
        is_new = not is_searched and (FILLING in notes or interval == NO_REFRESH)
        is_rejected = not is_searched and REJECTED in notes
        target = Target(name, index["uuid"], notes.get(VERSION, ""), is_new, is_rejected)
        return cls(target, interval, index.get(REPLICAS, ""), fields, notes, is_searched)

    def is_left_over(self, everyday_interval: str) -> bool:
        """Tell whether an interrupted rebuild has left the index as no running one needs it."""
        if self.target.is_new or self.notes.get(HELD_UNTIL, 0) > time.time():
            return False
        return self.refresh_interval != everyday_interval or self.valid_notes != self.notes

    @property
    def valid_notes(self) -> Mapping[str, Any]:
        """Return the notes without those that have no meaning any more."""
        passed = {HELD_UNTIL, FILLING, REJECTED} if self.is_searched else {HELD_UNTIL}
        return {name: value for name, value in self.notes.items() if name not in passed}
