"""A small domain for the tests of the events: things that are made and moved."""

from collections.abc import Sequence
from uuid import UUID

from events.envelope import Envelope
from events.event import Event, event_type
from events.recording.collector import Collector
from events.subscriber import Subscriber
from events.upcasting import Data, upcaster


class ThingEvent(Event, frozen=True, kw_only=True, rename="camel"):
    name: str
    version: int = 1
    note: str = ""

    @property
    def subject(self) -> str:
        return self.name

    @property
    def aggregate_version(self) -> int:
        return self.version


@event_type("thing.made")
class ThingMade(ThingEvent, frozen=True, kw_only=True, rename="camel"):
    """A thing came into being."""


@upcaster("thing.moved", from_version=1)
def name_the_thing(data: Data) -> Data:
    """Version 1 had the name under `label`."""
    return {"name": data.pop("label"), **data}


@event_type("thing.moved", version=2)
class ThingMoved(ThingEvent, frozen=True, kw_only=True, rename="camel"):
    """A thing was moved."""


def envelope_at(position: int, *, note: str = "") -> Envelope:
    """Return the envelope of a ThingMade with this position, without the log."""
    envelope = Collector(correlation_id="test").envelop(ThingMade(name=f"thing-{position}", note=note))
    return Envelope(**{name: getattr(envelope, name) for name in envelope.__struct_fields__} | {"position": position})


class Recorder(Subscriber):
    """Keeps the events that it was given; raises each exception of `raises` once, and those of `refuses` always."""

    def __init__(self) -> None:
        self.target = ""
        self.handled: list[Envelope] = []
        self.raises: list[Exception] = []
        self.refuses: dict[UUID | str, Exception] = {}
        self.closed = False

    def open(self) -> str:
        return self.target

    def handle(self, batch: Sequence[Envelope]) -> None:
        if self.raises:
            raise self.raises.pop()
        for envelope in batch:
            if envelope.subject in self.refuses:
                raise self.refuses[envelope.subject]
        self.handled += batch

    def close(self) -> None:
        self.closed = True

    @property
    def positions(self) -> list[int | None]:
        return [envelope.position for envelope in self.handled]
