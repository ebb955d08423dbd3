"""The documents of the crates in Elasticsearch."""

from events.envelope import Envelope
from readmodel.projection import Projection
from warehouse.events import CrateEvent, CrateMoved, CrateReceived, CrateScrapped


class CrateDocuments(Projection):
    """A document for each crate that is still there."""

    name = "crates"
    revision = 1
    handles = (CrateReceived, CrateMoved, CrateScrapped)
    id_field = "crate"
    mapping = {
        "crate": {"type": "keyword"},
        "shelf": {"type": "keyword"},
        "version": {"type": "long"},
    }

    def document(self, event: CrateEvent, envelope: Envelope) -> dict[str, str | int] | None:
        if isinstance(event, CrateScrapped):
            return None
        return {"crate": event.subject, "shelf": event.shelf, "version": event.version}
