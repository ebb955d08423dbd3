"""Run one schedule: until its faults are over, then until everything is at rest, and compare."""

import gc
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from time import process_time

import msgspec

from events.dead_letters import actions
from events.operations import control
from tests.simulation.checker import Violated
from tests.simulation.end import End
from tests.simulation.faults import Faults
from tests.simulation.installation import Installation
from tests.simulation.plan import Plan
from tests.simulation.redis_server import StreamKey
from tests.simulation.scheduler import Stuck
from tests.simulation.world import World

REST_SECONDS = 300.0
"""How long it may take until all is at rest after the last fault: a repair of foreign entries may wait for a minute."""
LOOK_SECONDS = 2.0
MOST_STEPS = 10_000


class Outcome(msgspec.Struct, kw_only=True):
    """What became of a schedule; `failure` is "" if the guarantees held."""

    plan: Plan
    failure: str
    happened: list[tuple[str, str]]
    """The faults that happened, each with its place."""
    trace: list[str]
    steps: int
    seconds: float


class Summary(msgspec.Struct, kw_only=True):
    """What many schedules have in common."""

    schedules: int = 0
    steps: int = 0
    simulated_seconds: float = 0.0
    cpu_seconds: float = 0.0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[int] = msgspec.field(default_factory=list)
    """The seeds of the schedules that failed."""

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            schedules=self.schedules + other.schedules,
            steps=self.steps + other.steps,
            simulated_seconds=self.simulated_seconds + other.simulated_seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            faults=self.faults + other.faults,
            failed=self.failed + other.failed,
        )


def run_all(seeds: Iterable[int]) -> Summary:
    """Run the schedules of these seeds."""
    total, begun = Summary(), process_time()
    with installation().installed(), _collected_once():
        for seed in seeds:
            outcome = run(Plan.of(seed))
            total.schedules += 1
            total.steps += outcome.steps
            total.simulated_seconds += outcome.seconds
            total.faults.update(kind for kind, _ in outcome.happened)
            if outcome.failure:
                total.failed.append(seed)
    total.cpu_seconds = process_time() - begun
    return total


@contextmanager
def _collected_once() -> Iterator[None]:
    """Collect garbage after the block instead of within, what was there before excepted: a schedule leaves little."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


@cache
def installation() -> Installation:
    return Installation()


def run(plan: Plan, *, traces: bool = False) -> Outcome:
    """Run the schedule; the substitutes must be installed."""
    world = World(plan, installation().new_partition)
    installation().begin(world)
    if traces:
        world.scheduler.trace = []
    faults = Faults(world, plan.faults)
    failure = ""
    try:
        world.begin()
        _come_to_rest(world, faults)
    except (Violated, Stuck) as error:
        failure = f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001 (a process must not end in this way)
        failure = "".join(traceback.format_exception(error))
    finally:
        world.database.on_commit = lambda _: None
        world.scheduler.end(world.processes)
    return Outcome(
        plan=plan,
        failure=failure,
        happened=faults.happened,
        trace=world.scheduler.trace or [],
        steps=world.scheduler.steps,
        seconds=world.scheduler.now,
    )


def _come_to_rest(world: World, faults: Faults) -> None:
    scheduler = world.scheduler
    if not scheduler.run(lambda: _has_happened(world, faults), until=REST_SECONDS, most_steps=MOST_STEPS):
        raise Violated(f"the faults are not over: {world.writers_left} writers, {faults.left} left")
    mended_at = scheduler.now + world.plan.waits_seconds
    scheduler.at(mended_at, lambda: None)
    scheduler.run(lambda: scheduler.now >= mended_at, until=mended_at + REST_SECONDS, most_steps=MOST_STEPS)
    _mend(world, faults)
    faults.begin(world.plan.late_faults)
    until, most = scheduler.now + REST_SECONDS, scheduler.steps + MOST_STEPS
    if not scheduler.run(lambda: _is_over(world, faults), until=until, most_steps=most):
        raise Violated(f"not at rest after {REST_SECONDS:.0f} s: {why_restless(world)}")
    End(world).check()


def _is_over(world: World, faults: Faults) -> bool:
    return _has_happened(world, faults) and (faults.is_reset or not world.was_restored) and is_at_rest(world)


def _has_happened(world: World, faults: Faults) -> bool:
    if world.writers_left:
        return False
    if faults.left:
        faults.hurry()
        return False
    # A process that was stopped may still write what it had in hand.
    now = world.scheduler.now
    return not any(process.stopped_until > now and not process.is_dead for process in world.processes)


def _mend(world: World, faults: Faults) -> None:
    """Correct the handlers, let all letters be retried, and go on with paused groups; reset after a restore."""
    world.is_mended = True
    if world.was_restored and not faults.is_reset:
        faults.operate(faults.reset_the_stream, until_done=True)
    faults.operate(lambda: control.ask(control.GroupRequest.RESUME, list(world.plan.consumers)), until_done=True)
    faults.operate(lambda: _retry_letters(world, faults), until_done=True)


def _retry_letters(world: World, faults: Faults) -> None:
    """Retry what is parked, also later: a failure may have been in flight when the handlers were corrected."""
    while True:
        actions.retry(faults.letters(), "operator")
        world.scheduler.sleep(LOOK_SECONDS)


def is_at_rest(world: World) -> bool:
    return not why_restless(world)


def why_restless(world: World) -> str:
    """Return what is not as it will be in the end; "" if all is."""
    if world.rows("events_waiting"):
        return "events wait for a position"
    ends = {row["number"]: row["last_position"] for row in world.rows("events_partition")}
    for row in world.rows("events_partition"):
        if row["divergence"]:
            return f"diverged: {row['divergence']}"
    return _why_a_group_is_restless(world, ends) or _why_a_stream_is_restless(world, ends)


def _why_a_group_is_restless(world: World, ends: dict[int, int]) -> str:
    for group in world.plan.consumers:
        targets = [index.uuid for index in world.elasticsearch.indices.values()] if group == "index" else [""]
        if group == "index" and len(targets) < len(world.kept):
            return "an index is missing"
        found = {
            (row["target"], row["partition"]): row["position"]
            for row in world.rows("events_checkpoint")
            if row["group"] == group
        }
        for target in targets:
            for partition, end in ends.items():
                if found.get((target, partition), 0) != end:
                    return (
                        f"{group} {target!r} is at {found.get((target, partition))} of {end} in partition {partition}"
                    )
        for letter in world.rows("events_dead_letter"):
            if (
                letter["group"] == group
                and letter["target"] in targets
                and letter["state"] in {"retry", "queued", "parked"}
            ):
                return f"{group} has an open letter: {letter}"
    return ""


def _why_a_stream_is_restless(world: World, ends: dict[int, int]) -> str:
    for partition, end in ends.items():
        found = world.redis.keys.get(world.key(partition))
        if isinstance(found, str):
            return f"{found} instead of a stream"
        if end and not isinstance(found, StreamKey):
            return f"partition {partition} has no stream"
        if found and found.last[0] != end:
            return f"stream {partition} ends at {found.last}, the log at {end}"
        entries, window = world.stream_entries(partition), world.log_window(partition)
        if entries != [place for place in window if place in entries]:
            return f"stream {partition} has {entries}, the log {window}"
        if found and any(group.pending for group in found.groups.values()):
            return f"entries of stream {partition} are pending"
    return ""
