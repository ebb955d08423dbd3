"""What the read model consists of: its projections, each with the indices that it fills."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
from django.conf import settings

from events.envelope import Envelope
from readmodel.projections import tickets as projections
from readmodel.projections import timeline
from readmodel.projections.mappings import MAPPINGS, SETTINGS, TIMELINE_MAPPINGS
from readmodel.projections.tickets import Projected

VERSION = "projection"
"""In an index's `_meta`: the version of the definition that it was made by."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A projection, and the mapping of its documents."""

    name: str
    project: Callable[[Sequence[Envelope]], Projected]
    mappings: Mapping[str, Any]
    revision: int
    """One more whenever `project` makes other documents of the same events."""

    @property
    def alias(self) -> str:
        """The searched index's alias; the one of the tickets has just the setting's name."""
        return settings.READMODEL_ALIAS if self.name == TICKETS.name else f"{self.name}-{settings.READMODEL_ALIAS}"

    @property
    def version(self) -> str:
        return f"{self.revision}-{crc32(msgspec.json.encode(self.mappings, order='sorted')):08x}"

    def template(self) -> dict[str, Any]:
        """Return the index template of the indices behind the alias; no write may create one of them."""
        mappings = {**self.mappings, "_meta": {VERSION: self.version}}
        return {
            "index_patterns": [self.alias, f"{self.alias}-*"],
            "template": {"mappings": mappings, "settings": SETTINGS},
            "allow_auto_create": False,
            "priority": 500,
        }


TICKETS = Definition(name="tickets", project=projections.project, mappings=MAPPINGS, revision=2)
TIMELINE = Definition(name="timeline", project=timeline.project, mappings=TIMELINE_MAPPINGS, revision=1)
DEFINITIONS = {definition.name: definition for definition in (TICKETS, TIMELINE)}
