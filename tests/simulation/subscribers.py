"""The subscribers of the simulated groups: an index, a gate that is called over HTTP, and a ledger in the database."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from events.envelope import Envelope
from events.event import Event
from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.subscriber import EventSubscriber, Subscriber
from readmodel.index.documents import Documents
from readmodel.index.notes import Target
from readmodel.projection import Document, Projection
from readmodel.subscriber import IndexWriter
from tests.simulation.scheduler import Call, Task
from tests.things import ThingMoved


class Things(Projection):
    """A document for each thing."""

    name = "simulated"
    mapping: ClassVar[dict[str, Any]] = {"id": {}, "version": {}, "note": {}}
    handles = (ThingMoved,)

    def document(self, event: ThingMoved, envelope: Envelope) -> Document:
        return {"id": event.name, "version": event.version, "note": event.note}


class IndexOf(Subscriber):
    """Feeds one or two indices through the real writer; the second one is a further target."""

    handles = (ThingMoved,)
    overlap = IndexWriter.overlap

    def __init__(self, world: Any) -> None:
        self._world = world
        self._writers: list[_Writer] = []

    def open(self) -> str:
        server = self._world.elasticsearch
        targets = [Target(server.name_of(alias), server.ensure(alias).uuid) for alias in self._aliases]
        self._writers = [_Writer(self._world, Documents(server, Things(), target)) for target in targets]
        return self._writers[0].open()

    @property
    def _aliases(self) -> Sequence[str]:
        return self._world.kept  # type: ignore[no-any-return]

    def further_targets(self) -> Sequence[Subscriber]:
        return self._writers[1:]

    def handle(self, batch: Sequence[Envelope]) -> None:
        self._writers[0].handle(batch)

    def check(self, partitions: Collection[int]) -> None:
        if [writer.open() for writer in self._writers] != self._kept():
            raise TargetLost

    def _kept(self) -> list[str | None]:
        server = self._world.elasticsearch
        found = [server.indices.get(server.name_of(alias)) for alias in self._aliases]
        return [index and index.uuid for index in found]

    def has_target(self, target: str) -> bool:
        return any(index.uuid == target for index in self._world.elasticsearch.indices.values())

    def forget(self) -> None:
        for alias in self._aliases:
            self._world.elasticsearch.replace(alias)


class _Writer(IndexWriter):
    def __init__(self, world: Any, documents: Documents) -> None:
        super().__init__(documents)
        self._world = world

    def handle(self, batch: Sequence[Envelope]) -> None:
        self._world.checker.given("index", self.open(), batch)
        if not self._world.plan.refuses_documents:
            self._world.refuse_poison("index", batch)
        super().handle(batch)

    def _repair(self, ids: Sequence[str]) -> None:
        """Do nothing: the verification of read models is not simulated."""


class Gate(EventSubscriber):
    """Calls another system, in order, at least once for each event."""

    handles = (ThingMoved,)
    ordered = True
    max_attempts = 2

    def __init__(self, world: Any) -> None:
        self._world = world
        self._call = Call("webhook", self._no_answer)

    @staticmethod
    def _no_answer(_: Task) -> Exception:
        return RetryLater("the gate does not answer")

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        world = self._world
        world.checker.given("gate", "", [envelope])
        world.refuse_poison("gate", [envelope])
        world.scheduler.call(self._call, lambda: world.checker.received(envelope))


class Ledger(EventSubscriber):
    """Writes to our own database, in the checkpoint's transaction: exactly once for each event."""

    handles = (ThingMoved,)
    ordered = True
    transactional = True
    max_attempts = 2

    def __init__(self, world: Any) -> None:
        self._world = world

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        world = self._world
        world.checker.given("ledger", "", [envelope])
        world.refuse_poison("ledger", [envelope])
        world.write_in_ledger(envelope)


SUBSCRIBERS: dict[str, type[IndexOf | Gate | Ledger]] = {"index": IndexOf, "gate": Gate, "ledger": Ledger}


class Poisoned(Unprocessable):
    """The event can't be handled until somebody corrects the handler."""


class Failed(Exception):
    """The handler has a bug with this event."""
