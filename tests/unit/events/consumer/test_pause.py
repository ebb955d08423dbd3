"""A pause takes effect after the current batch, also while a group catches up with the log."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pytest

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.groups.ownership import PAUSED, Condition, Ownership
from events.models import Checkpoint
from events.operations.control import GroupRequest, ask
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db


class Pauser(Recorder):
    """Is paused while it handles its first batch; its process ends a moment later."""

    def __init__(self, ownership: Ownership, limits: Limits) -> None:
        super().__init__()
        self._ownership = ownership
        self._limits = limits

    def handle(self, batch: Sequence[Envelope]) -> None:
        ask(GroupRequest.PAUSE, ["recorder"])
        self._ownership.heartbeat()
        super().handle(batch)
        self._limits.started_at, self._limits.seconds = time.monotonic(), 0.3


class Overlapping(Recorder):
    """Handles batches in threads, while its process learns that the group is paused."""

    overlap = 2

    def __init__(self, ownership: Ownership, limits: Limits) -> None:
        super().__init__()
        self._ownership = ownership
        self._limits = limits

    def handle(self, batch: Sequence[Envelope]) -> None:
        self._ownership.is_paused = True
        super().handle(batch)
        self._limits.started_at, self._limits.seconds = time.monotonic(), 0.3


class Watched(Ownership):
    """Notes how far the group is each time that it is announced as paused."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "condition" and value.state == PAUSED:
            self.paused_at.append(Checkpoint.objects.get().position)

    @cached_property
    def paused_at(self) -> list[int]:
        return []


@pytest.mark.parametrize("left", [6, 0])
def test_a_pause_takes_effect_after_the_current_batch(left: int, stream: Stream) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(6)))
    relay.sweep(stream, 0)
    stream.trim(0, length=left)
    ownership = Ownership("recorder", "one")
    limits = Limits(batch_size=2, block_seconds=0.01)
    pauser = Pauser(ownership, limits)

    Consumer(pauser, stream, ownership, shutdown=Shutdown(), limits=limits).run()

    assert pauser.positions == [1, 2]
    assert Checkpoint.objects.get().position == 2
    assert ownership.condition == Condition(PAUSED)


def test_a_pause_is_announced_once_nothing_is_in_flight(stream: Stream) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(6)))
    relay.sweep(stream, 0)
    ownership = Watched("recorder", "one")
    limits = Limits(batch_size=2, block_seconds=0.01)
    overlapping = Overlapping(ownership, limits)

    Consumer(overlapping, stream, ownership, shutdown=Shutdown(), limits=limits).run()

    assert set(ownership.paused_at) == {max(overlapping.positions)}
