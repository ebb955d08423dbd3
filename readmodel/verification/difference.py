"""A document's difference from the log."""

from enum import StrEnum
from typing import Any

import msgspec

from readmodel.index.documents import StoredDocument
from readmodel.projection import VERSION_STEP, VersionedDocument


class Kind(StrEnum):
    """The kind of a document's difference from its newest handled event. The values are also metric labels."""

    MISSING = "missing"
    STALE = "stale"
    """The document has an older version."""
    ALTERED = "altered"
    """The document has the right version, but other content."""
    LIFTED = "lifted"
    """The document has a version that the log does not have, for example one that was raised by hand."""
    GHOST = "ghost"
    """The log has no event for the document."""
    PARKED = "parked"
    """The document lacks an event that is a dead letter."""
    UNREADABLE = "unreadable"
    """This release can't read the event."""


REPAIRABLE = frozenset({Kind.MISSING, Kind.STALE, Kind.ALTERED, Kind.LIFTED, Kind.GHOST})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A document that differs from the log; `expected` is the right one, if that is known."""

    id: str
    kind: Kind
    log_version: int | None = None
    expected: VersionedDocument | None = None
    stored: StoredDocument | None = None
    repaired: bool = False

    @property
    def index_version(self) -> int | None:
        """The aggregate's version according to the document."""
        return self.stored.version // VERSION_STEP if self.stored else None

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """The expected and the stored value of each altered field."""
        if self.kind != Kind.ALTERED or self.expected is None or self.stored is None:
            return {}
        expected, stored = msgspec.to_builtins(self.expected.source), self.stored.source
        names = [name for name in expected | stored if expected.get(name) != stored.get(name)]
        return {name: (expected.get(name), stored.get(name)) for name in names}
