"""What happens in a schedule, as its seed decides it: the processes, what is written, and which faults happen when."""

from collections.abc import Sequence
from itertools import accumulate
from math import inf
from random import Random
from typing import Self

import msgspec

from tests.simulation.sizes import LARGE, SMALL, Size

CALL_FAULTS = {"crash before": 4, "crash after": 6, "fail": 4, "lose the reply": 5, "stop before": 3, "stop after": 4}
"""Faults of a call of a server, with their weights."""
CALLS = (
    "bulk",
    "commit",
    "event at",
    "give positions",
    "insert events",
    "read the log",
    "redis script",
    "redis xack",
    "redis xgroup setid",
    "redis xreadgroup",
    "select events_checkpoint",
    "select events_dead_letter",
    "update events_checkpoint",
    "update events_dead_letter",
    "update events_lease",
    "webhook",
    "write in the ledger",
)
"""Kinds of calls that faults are aimed at, since some of them are rare among all calls."""
LATE_CALLS = (
    "bulk",
    "commit",
    "select events_dead_letter",
    "update events_dead_letter",
    "webhook",
    "write in the ledger",
)
"""Those that retry letters."""
REDIS_FAULTS = {
    "wipe": 2,
    "trim": 2,
    "lose an entry": 2,
    "destroy the groups": 1,
    "set the groups back": 1,
    "fail over": 3,
    "redis away": 2,
    "redis full": 1,
}
FORGERIES = {"forge": 4, "alter": 3, "repeat": 3, "move": 2, "rewrite": 2, "no stream": 1}
WORLD_FAULTS = {"crash the database": 2, "jump of the clock": 2, "terminate": 2, "lose an index": 1}
OPERATIONS = {
    "pause": 2,
    "stop the group": 1,
    "reset the group": 2,
    "retry the letters": 2,
    "discard": 1,
    "compact": 2,
    "rebuild": 1,
    "drop an index": 1,
}


LARGE_SHARE = 0.05
REPARTITIONED = {8, 12, 13}
"""The remainders, by 16, of the seeds in whose schedules the log gets more partitions."""
UNLIMITED = {3, 8, 9, 11}
"""The remainders, by 16, of the seeds in whose schedules no batch of the relay is full."""
CORRECTED_EARLY = {0, 6, 10, 12}
"""The remainders, by 16, of the seeds in whose schedules handlers are corrected, while letters may be retried."""
RESTORED_FROM = 10_000_000
"""The first seed of the schedules that all have a restore; among the others, one in eight has."""
MUCH_IS_LOST = 2
"""The remainder, by 4, of those of them in which the restore comes well after the backup."""
RESTORE = ("back up", "restore", "reset the stream")


class Unit(msgspec.Struct, frozen=True):
    """A unit of work: it changes these things, and fails at its end or not."""

    pause_seconds: float
    things: tuple[int, ...]
    fails: bool


class Fault(msgspec.Struct, frozen=True):
    """What happens at a step of the schedule; `number` decides its details."""

    step: int
    kind: str
    number: int
    at: str = ""
    """The kind of call that it meets: `step` then counts such calls, otherwise all calls."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    seed: int
    is_large: bool
    vendor: str
    partitions: int
    indices: int
    switching: float
    relays: int
    consumers: dict[str, int]
    """The number of processes of each group."""
    batch_size: int
    batch_rows: int
    """How many positions are given, and events appended, at a time."""
    stream_max_length: int
    node_entries: int
    relay_interval_seconds: float
    flush_on_commit: bool
    writers: tuple[tuple[Unit, ...], ...]
    refuses_documents: bool
    """Whether it is Elasticsearch that refuses the index's poison, document by document, and no handler."""
    poison: dict[str, tuple[tuple[str, int, bool], ...]]
    """The events that a group can't handle: thing, version, and whether it is refused for good."""
    most_refusals: float
    """How often a handler refuses such an event before somebody corrects it."""
    faults: tuple[Fault, ...]
    waits_seconds: float
    """How long the handlers stay wrong after all else has happened."""
    late_faults: tuple[Fault, ...]
    """Faults that happen while all letters are retried: their steps count from then on."""

    @property
    def size(self) -> Size:
        return LARGE if self.is_large else SMALL

    @classmethod
    def of(cls, seed: int) -> Self:
        random = Random(seed)
        size = LARGE if random.random() < LARGE_SHARE else SMALL
        groups = random.sample(["index", "gate", "ledger"], random.choice(size.groups))
        return (
            cls(
                seed=seed,
                is_large=size is LARGE,
                vendor=random.choice(["postgresql", "postgresql", "postgresql", "sqlite"]),
                partitions=random.choice(size.partitions),
                indices=random.choice(size.indices),
                switching=random.choice([0.05, 0.2, 0.5, 0.9]),
                relays=random.choice(size.relays),
                consumers={group: random.choice(size.processes) for group in groups},
                batch_size=random.choice([1, 2, 3, 100]),
                batch_rows=random.choice([1, 2, 3, 500]),
                stream_max_length=random.choice([2, 5, 100]),
                node_entries=random.choice([1, 2, 100]),
                relay_interval_seconds=random.choice(size.relay_interval_seconds),
                flush_on_commit=random.random() < 0.7,
                writers=tuple(_units(random, size) for _ in range(random.choice(size.writers))),
                refuses_documents=random.random() < 0.5,
                poison={group: _poison(random) for group in groups},
                most_refusals=2 if seed % 16 in CORRECTED_EARLY else inf,
                faults=_faults(random, size),
                waits_seconds=random.choice(size.waits_seconds),
                late_faults=_late_faults(random, size),
            )
            ._unlimited()
            ._repartitioned()
            ._restored()
        )

    def _unlimited(self) -> Self:
        """Let one batch of the relay take all that waits, in a share of the schedules; in the others it may be full."""
        return msgspec.structs.replace(self, batch_rows=500) if self.seed % 16 in UNLIMITED else self

    def _repartitioned(self) -> Self:
        """Let the log be repartitioned once or twice, in a share of the schedules; the others stay as they were."""
        if self.seed % 16 not in REPARTITIONED:
            return self
        random = Random(self.seed + 3)
        more = [Fault(random.randint(1, self.size.steps), "repartition", random.getrandbits(30))]
        if random.random() < 0.5:
            more.append(_fault(random, self.size.steps, "repartition", CALLS, aimed=0.5))
        return msgspec.structs.replace(self, faults=_ordered([*self.faults, *more]))

    def _restored(self) -> Self:
        """Let the database be restored from the first seed of such schedules on, while more is written than elsewhere.

        In half of them the operator resets the stream in the middle of it, in the others at the end.
        """
        if self.seed < RESTORED_FROM:
            return self
        random = Random(self.seed + 4)
        number = 2 + random.getrandbits(1)
        steps = sorted(random.sample(range(1, self.size.steps), number))
        if self.seed % 4 == MUCH_IS_LOST:
            steps = list(accumulate(random.randint(low, 80) for low in (5, 20, 1)[:number]))
        more = [Fault(step, kind, 0) for step, kind in zip(steps, RESTORE, strict=False)]
        others = [fault for fault in self.faults if fault.kind not in RESTORE]
        writers = tuple((*units, *_units(random, self.size)) for units in self.writers)
        if self.seed % 4 == MUCH_IS_LOST:
            writers = (*writers, tuple(msgspec.structs.replace(unit, pause_seconds=0.3) for unit in writers[0]))
        return msgspec.structs.replace(self, faults=_ordered([*others, *more]), writers=writers)

    def quiet(self, vendor: str) -> Self:
        """Return a plan of servers alone, for calls one at a time."""
        return msgspec.structs.replace(
            self,
            vendor=vendor,
            partitions=1,
            batch_rows=500,
            stream_max_length=100_000,
            flush_on_commit=False,
            relays=0,
            consumers={},
            writers=(),
            poison={},
            faults=(),
            late_faults=(),
        )


def _units(random: Random, size: Size) -> tuple[Unit, ...]:
    return tuple(
        Unit(
            pause_seconds=random.choice(size.pauses_seconds),
            things=random.choice(size.things),
            fails=random.random() < 0.15,
        )
        for _ in range(random.choice(size.units))
    )


def _poison(random: Random) -> tuple[tuple[str, int, bool], ...]:
    if random.random() < 0.4:
        return ()
    return tuple(
        (f"thing-{random.randrange(3)}", random.randint(1, 3), random.random() < 0.6)
        for _ in range(random.randint(1, 2))
    )


def _late_faults(random: Random, size: Size) -> tuple[Fault, ...]:
    number = random.choice(size.late_faults)
    return _ordered([_call_fault(random, size.late_steps, LATE_CALLS, aimed=0.8) for _ in range(number)])


def _call_fault(random: Random, most_steps: int, calls: Sequence[str] = CALLS, *, aimed: float = 0.5) -> Fault:
    [kind] = random.choices(list(CALL_FAULTS), list(CALL_FAULTS.values()))
    return _fault(random, most_steps, kind, calls, aimed=aimed)


def _fault(random: Random, most_steps: int, kind: str, calls: Sequence[str], *, aimed: float) -> Fault:
    if random.random() < aimed:
        return Fault(random.choice([1, 1, 2, 3, 4]), kind, random.getrandbits(30), random.choice(calls))
    return Fault(random.randint(1, most_steps), kind, random.getrandbits(30))


def _ordered(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.step))


def _faults(random: Random, size: Size) -> tuple[Fault, ...]:
    others: dict[str, int] = {}
    for more in random.sample([REDIS_FAULTS, FORGERIES, WORLD_FAULTS, OPERATIONS], random.randint(0, 3)):
        others |= more
    faults = [_call_fault(random, size.steps) for _ in range(random.choice(size.call_faults))]
    if others:
        kinds = random.choices(list(others), list(others.values()), k=random.choice(size.other_faults))
        faults += [_fault(random, size.steps, kind, CALLS, aimed=0.3) for kind in kinds]
    if random.random() < 0.12:
        backed_up, restored = sorted(random.sample(range(1, size.steps), 2))
        faults += [Fault(backed_up, "back up", 0), Fault(restored, "restore", 0)]
    return _ordered(faults)
