"""Any order of deliveries, crashes, stalls, losses and repetitions keeps the invariants."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events import log, record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.exceptions import Transient
from events.groups.ownership import Ownership
from events.models import Checkpoint, Lease, LogEntry, Member
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from events.testing import FakeStream
from tests.things import Recorder, ThingMade

GROUP = "recorder"
PROCESSES = st.sampled_from(["one", "two"])
MOMENTS = st.sampled_from(["before handling", "after handling", "after the checkpoint"])
OPERATIONS = st.one_of(
    st.tuples(st.just("record"), st.integers(1, 4)),
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("step"), PROCESSES),
    st.tuples(st.just("go_on_late"), PROCESSES),
    st.tuples(st.just("crash"), PROCESSES, MOMENTS),
    st.tuples(st.just("stall"), PROCESSES),
    st.tuples(st.sampled_from(["wipe", "trim", "destroy the group", "set the group back"])),
    st.tuples(st.just("lose an entry"), st.integers(1, 9)),
)


READS_LATE_WHAT_THE_OWNER_HAS_HANDLED = [
    ("step", "two"),
    ("stall", "two"),
    ("publish", 1),
    ("step", "one"),
    ("set the group back",),
    ("go_on_late", "two"),
]


class Crash(BaseException):
    """The process is gone."""


class World:
    """A log, a stream, and two processes of one group."""

    def __init__(self, stream: FakeStream) -> None:
        self.stream = stream
        self.handled: list[int] = []
        self.processes: dict[str, Consumer] = {}
        self.checkpoint = 0

    def record(self, count: int) -> None:
        first = LogEntry.objects.count() + 1
        with unit_of_work():
            record(*(ThingMade(name=f"thing-{number}") for number in range(first, first + count)))

    def publish(self, count: int) -> None:
        self.record(count)
        self.relay()

    def relay(self) -> None:
        relay.sweep(self.stream, 0)

    def step(self, name: str, dies: str = "", *, heartbeat: bool = True) -> None:
        """Let the process do one step of its loop; it opens at its first step, and after a failure."""
        process = self.processes.get(name) or self._start(name)
        assert isinstance(process.subscriber, Handler)
        process.subscriber.dies = dies
        try:
            if heartbeat:
                process.ownership.heartbeat()
            process._step()
        except Transient:
            process._open()
        except Crash:
            self._expire(process)
            del self.processes[name]

    def crash(self, name: str, moment: str) -> None:
        self.step(name, dies=moment)

    def go_on_late(self, name: str) -> None:
        """Let it do a step without a heartbeat, so that it does not notice a lost lease."""
        self.step(name, heartbeat=False)

    def stall(self, name: str) -> None:
        """Let its lease expire without its notice."""
        if name in self.processes:
            self._expire(self.processes[name])

    def wipe(self) -> None:
        self.stream.wipe()

    def trim(self) -> None:
        self.stream._client.xtrim(self.stream.key(0), maxlen=0)

    def lose_an_entry(self, position: int) -> None:
        self.stream._client.xdel(self.stream.key(0), f"{position}-0")

    def destroy_the_group(self) -> None:
        if self.stream.length(0):
            self.stream._client.xgroup_destroy(self.stream.key(0), GROUP)

    def set_the_group_back(self) -> None:
        """Let Redis deliver everything again, as after a fail-over."""
        if self.stream.length(0):
            self.destroy_the_group()
            self.stream.create_group(0, GROUP, after=0)

    def check(self) -> None:
        """Assert that the checkpoint never moves back, beyond the log's end, or past an unhandled event."""
        position = Checkpoint.objects.filter(group=GROUP).values_list("position", flat=True).first() or 0
        assert self.checkpoint <= position <= log.last_position(0)
        assert set(range(1, position + 1)) <= set(self.handled)
        self.checkpoint = position

    def _start(self, name: str) -> Consumer:
        ownership = Ownership(GROUP, name)
        limits = Limits(block_seconds=0.001)
        process = Consumer(Handler(self), self.stream, ownership, shutdown=Shutdown(), limits=limits)
        process._open()
        self.processes[name] = process
        return process

    def _expire(self, process: Consumer) -> None:
        ended = timezone.now() - timedelta(seconds=1)
        Lease.objects.filter(member=process.ownership.member).update(expires_at=ended)
        Member.objects.filter(id=process.ownership.member).update(seen_until=ended, alive_until=ended)


class Handler(Recorder):
    """Adds the events that it handles to the world, and dies when the test says so."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.dies = ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        if self.dies == "before handling":
            raise Crash
        self.world.handled += [envelope.position or 0 for envelope in batch]
        if self.dies == "after handling":
            raise Crash


@pytest.mark.django_db
def test_no_event_is_left_out_in_any_interleaving(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge = FakeStream.acknowledge

    def acknowledge_or_die(fake: FakeStream, partition: int, group: str, entry_ids: Sequence[str]) -> None:
        if any(process.subscriber.dies == "after the checkpoint" for process in world.processes.values()):
            raise Crash
        acknowledge(fake, partition, group, entry_ids)

    monkeypatch.setattr(FakeStream, "acknowledge", acknowledge_or_die)
    monkeypatch.setattr("events.consumer.group_reader.RETURN_SECONDS", 0)

    @settings(max_examples=settings.default.max_examples // 3)
    @given(st.lists(OPERATIONS, max_size=25))
    @example(READS_LATE_WHAT_THE_OWNER_HAS_HANDLED)
    def run(operations: list[tuple[str, ...]]) -> None:
        nonlocal world
        world = World(stream)
        stream.wipe()
        with transaction.atomic():
            world.publish(5)
            for name, *arguments in operations:
                getattr(world, name.replace(" ", "_"))(*arguments)
                world.check()
            come_to_rest(world)
            assert world.checkpoint == log.last_position(0) == LogEntry.objects.count()
            transaction.set_rollback(True)

    world = World(stream)
    run()


def come_to_rest(world: World) -> None:
    """Assert that without further faults all is handled within a few steps, and nothing stays pending."""
    world.relay()
    for _ in range(6):
        world.step("one")
        world.step("two")
        world.check()
    assert world.stream.pending(0, GROUP) == 0
