"""In what a document differs from what the log tells."""

from enum import StrEnum
from typing import Any

import msgspec

from readmodel.index.documents import StoredDocument
from readmodel.projection import VERSION_STEP, VersionedDocument


class Kind(StrEnum):
    """In what a document and the newest settled event that tells of it differ."""

    MISSING = "missing"
    STALE = "stale"
    """It has an older version."""
    ALTERED = "altered"
    """It has the version, but another content."""
    LIFTED = "lifted"
    """It has a version that the log has not told."""
    GHOST = "ghost"
    """The log has no event of it."""
    PARKED = "parked"
    """A newer event is a dead letter."""
    UNREADABLE = "unreadable"
    """The event can't be read by this release."""


REPAIRABLE = frozenset({Kind.MISSING, Kind.STALE, Kind.ALTERED, Kind.LIFTED, Kind.GHOST})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A document that is not what it should be; `told` is what it should be, where that is known."""

    id: str
    kind: Kind
    log_version: int | None = None
    told: VersionedDocument | None = None
    stored: StoredDocument | None = None
    repaired: bool = False

    @property
    def index_version(self) -> int | None:
        """The aggregate's version by that of the document."""
        return self.stored.version // VERSION_STEP if self.stored else None

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """What each field that was altered should be, and what it is."""
        if self.kind != Kind.ALTERED or self.told is None or self.stored is None:
            return {}
        told, stored = msgspec.to_builtins(self.told.source), self.stored.source
        names = [name for name in told | stored if told.get(name) != stored.get(name)]
        return {name: (told.get(name), stored.get(name)) for name in names}
