"""Draw schedules from seeds: which faults strike which parts, when, and for how long. A schedule prints in one line."""

import argparse
import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from tests.faults.driver import (
    faults_of_database,
    faults_of_processes,
    faults_of_receiver,
    faults_of_search,
    faults_of_stream,
)
from tests.faults.driver.faults import FAULTS, Fault, Strike
from tests.faults.driver.steps import STEPS

LOADED = (faults_of_database, faults_of_processes, faults_of_receiver, faults_of_search, faults_of_stream)
"""They register the faults."""
COVER = "cover-"
AT_A_STEP = "at a step"
KILLED_AT_A_STEP = f"killed {AT_A_STEP}"
FIRST, LAST = 0.25, 1.0
"""Between these seconds of the load the faults begin."""
LATER_SECONDS = 5.0
"""How long after its cause a process may come to a step."""
MOST_FAULTS = 3
MOST_FAULTS_OF_COVER = 10
MOST_STEPS_OF_COVER = 2
"""At so many steps one role's processes are killed or stopped in a schedule, one after the other."""
REBUILD_SHARE = 0.35
REBUILD_SECONDS = 15.0
"""So long a rebuild may take to its last step."""
NEEDED = {f"{step.role}: {step.label}": step.needs for step in STEPS}


class Schedule(NamedTuple):
    """The faults of one run; `rebuild_at` is when a rebuild of the index begins, None for no rebuild."""

    seed: str
    strikes: tuple[Strike, ...]
    rebuild_at: float | None

    def __str__(self) -> str:
        rebuild = [] if self.rebuild_at is None else [f"{self.rebuild_at:.2f} s a rebuild begins"]
        return f"{self.seed}: " + "; ".join([*rebuild, *map(str, self.strikes)])


def schedules(options: argparse.Namespace) -> Iterator[Schedule]:
    """Yield the schedules that the command line asks for."""
    if options.only.startswith(COVER):
        seed = int(options.only.removeprefix(COVER).partition(".")[0])
        yield from (schedule for schedule in covering(seed) if schedule.seed == options.only)
    elif options.only:
        yield drawn(int(options.only), options.fault)
    elif options.cover:
        yield from covering(options.seed)
    else:
        yield from (drawn(seed, options.fault) for seed in range(options.seed, options.seed + options.schedules))


def tried() -> list[Fault]:
    """Return the faults that can be tried on this machine."""
    return [fault for fault in FAULTS.values() if not fault.why_not]


def drawn(seed: int, only: str = "") -> Schedule:
    """Draw a schedule; with `only`, its first fault is the named one."""
    rng = random.Random(seed)
    chosen: list[Strike] = []
    number = rng.randint(1, MOST_FAULTS)
    candidates = [FAULTS[only]] if only else tried()
    while len(chosen) < number:
        found = rng.choices(candidates, [fault.weight for fault in candidates])[0]
        if _fits(chosen, found, target := rng.choice(found.targets)):
            _add(chosen, _strike(rng, found, target), rng)
        candidates = _harmless_beside(chosen)
    return _schedule(str(seed), chosen, rng)


def covering(seed: int) -> Iterator[Schedule]:
    """Yield schedules that use each fault, and each step of each process, at least once."""
    rng = random.Random(seed)
    return packed(
        f"{COVER}{seed}",
        [
            (fault, target)
            for fault in tried()
            for target in (fault.targets if fault.name.endswith(KILLED_AT_A_STEP) else [rng.choice(fault.targets)])
        ],
    )


def packed(seed: str, wanted: Sequence[tuple[Fault, str]]) -> Iterator[Schedule]:
    """Yield few schedules that have all the wanted faults."""
    rng = random.Random(seed)
    left = rng.sample(wanted, len(wanted))
    left.sort(key=lambda pair: not NEEDED.get(pair[1]))  # The others may come along with those that need one.
    for number in count():
        if not left:
            return
        chosen: list[Strike] = []
        for fault, target in left:
            if len(chosen) < MOST_FAULTS_OF_COVER and _fits(chosen, fault, target):
                _add(chosen, _strike(rng, fault, target), rng)
        done = {(strike.fault, strike.target) for strike in chosen}
        left = [(fault, target) for fault, target in left if (fault.name, target) not in done]
        yield _schedule(f"{seed}.{number}", chosen, rng)


def _strike(rng: random.Random, fault: Fault, target: str) -> Strike:
    return Strike(fault.name, target, rng.uniform(FIRST, LAST), rng.uniform(*fault.seconds))


def _add(chosen: list[Strike], strike: Strike, rng: random.Random) -> None:
    """Add a strike, and the fault that leads its process to the step, which then is armed just before."""
    chosen.append(strike)
    if (needs := NEEDED.get(strike.target)) and needs not in {other.fault for other in chosen}:
        needed = FAULTS[needs]
        companion = _strike(rng, needed, rng.choice(needed.targets))
        chosen[-1] = strike._replace(moment=FIRST - 0.05, seconds=companion.moment + companion.seconds + LATER_SECONDS)
        chosen.append(companion)


def _fits(chosen: Sequence[Strike], fault: Fault, target: str) -> bool:
    """Tell whether the fault, and the one that it needs, harm parts that are not harmed yet."""
    harmed = {FAULTS[strike.fault].who for strike in chosen}
    same = [strike for strike in chosen if FAULTS[strike.fault].who == fault.who]
    are_steps = AT_A_STEP in fault.name and all(AT_A_STEP in strike.fault for strike in same)
    most = 1 if fault.who == "rebuild" else MOST_STEPS_OF_COVER  # A killed rebuild is not started again at once.
    if same and not (are_steps and len(same) < most):
        return False
    needs = NEEDED.get(target)
    if needs and any(NEEDED.get(strike.target) for strike in same):
        return False  # The first one is killed when that happens.
    if not needs or needs in {strike.fault for strike in chosen}:
        return True
    return FAULTS[needs].who == fault.who or FAULTS[needs].who not in harmed


def _harmless_beside(chosen: Sequence[Strike]) -> list[Fault]:
    harmed = {FAULTS[strike.fault].who for strike in chosen}
    return [fault for fault in tried() if fault.who not in harmed]


def _schedule(seed: str, chosen: Sequence[Strike], rng: random.Random) -> Schedule:
    with_rebuild = rng.random() < REBUILD_SHARE or any(FAULTS[strike.fault].who == "rebuild" for strike in chosen)
    rebuild_at = rng.uniform(0.05, 0.5) if with_rebuild else None
    strikes = sorted(chosen, key=lambda strike: strike.moment)
    if rebuild_at is not None:
        strikes = [_during_rebuild(strike, rebuild_at) for strike in strikes]
    return Schedule(seed, tuple(strikes), rebuild_at)


def _during_rebuild(strike: Strike, rebuild_at: float) -> Strike:
    """Let a fault of the rebuild begin with it, or while it runs."""
    if FAULTS[strike.fault].who != "rebuild":
        return strike
    if AT_A_STEP in strike.fault:
        return strike._replace(moment=max(rebuild_at - 0.02, 0.0), seconds=REBUILD_SECONDS)
    return strike._replace(moment=rebuild_at + 0.3 * strike.moment)
