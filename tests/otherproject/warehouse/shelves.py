"""The subscriber that builds the table of shelves."""

from collections.abc import Sequence

from events.envelope import Envelope
from events.subscriber import Subscriber
from warehouse.events import CrateEvent
from warehouse.models import ShelfOfCrate


class Shelves(Subscriber):
    def handle(self, batch: Sequence[Envelope]) -> None:
        for event in (envelope.open() for envelope in batch):
            assert isinstance(event, CrateEvent)
            newest = {"shelf": event.shelf, "version": event.version}
            ShelfOfCrate.objects.update_or_create(crate_id=event.crate_id, defaults=newest)
