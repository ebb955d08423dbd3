"""How much small and large schedules have; most are small."""

from collections.abc import Sequence

import msgspec


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much a schedule has at most, and among what its seed chooses."""

    groups: Sequence[int]
    processes: Sequence[int]
    """How many each group has."""
    relays: Sequence[int]
    partitions: Sequence[int]
    indices: Sequence[int]
    writers: Sequence[int]
    units: Sequence[int]
    things: Sequence[tuple[int, ...]]
    pauses_seconds: Sequence[float]
    relay_interval_seconds: Sequence[float]
    stops_seconds: Sequence[float]
    """How long a consumer is stopped; a lease lasts 3 s."""
    outages_seconds: Sequence[float]
    """How long Redis is away."""
    waits_seconds: Sequence[float]
    call_faults: Sequence[int]
    other_faults: Sequence[int]
    late_faults: Sequence[int]
    steps: int
    """Faults happen within the first steps."""
    late_steps: int
    """Late faults happen within the first steps after the handlers are corrected."""


SMALL = Size(
    groups=[1],
    processes=[1, 1, 1, 2],
    relays=[1],
    partitions=[1, 1, 1, 2],
    indices=[1, 1, 1, 2],
    writers=[1, 1, 2],
    units=[1, 2, 2],
    things=[(0,), (1,), (0, 1), (0, 0), (0, 1, 0)],
    pauses_seconds=[0.0, 0.0, 0.0, 0.0, 0.01, 0.01, 0.01, 0.3, 0.3, 0.3, 0.3, 3.6],
    relay_interval_seconds=[0.5, 1.0],
    stops_seconds=[0.3, 0.3, 3.5],
    outages_seconds=[0.3, 0.3, 2.0],
    waits_seconds=[0.0, 0.0, 0.0, 0.5],
    call_faults=[0, 1, 1, 2],
    other_faults=[1, 1, 2],
    late_faults=[0, 0, 1],
    steps=80,
    late_steps=30,
)
LARGE = Size(
    groups=[1, 1, 1, 2],
    processes=[1, 2, 2],
    relays=[1, 1, 1, 2],
    partitions=[1, 1, 2],
    indices=[1, 2],
    writers=[1, 2, 2],
    units=[1, 2, 3, 4],
    things=[(0,), (1,), (2,), (0, 1), (0, 0), (1, 2), (0, 1, 2, 3)],
    pauses_seconds=[0.0, 0.01, 0.3, 2.0],
    relay_interval_seconds=[0.5],
    stops_seconds=[0.5, 4.5, 6.0],
    outages_seconds=[0.3, 2.0, 7.0],
    waits_seconds=[0.0, 0.0, 2.0],
    call_faults=[0, 1, 1, 2, 3],
    other_faults=[1, 1, 2, 3],
    late_faults=[0, 1, 2],
    steps=400,
    late_steps=100,
)
