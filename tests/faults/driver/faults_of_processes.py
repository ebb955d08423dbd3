"""Kill, stop and restart the processes, at any moment and at each labelled step; move their clocks."""

import signal
import time
from collections.abc import Iterator

from tests.faults.driver.clocks import faketime
from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.steps import STEPS
from tests.waiting import wait_until

TARGETS = {
    "web": ("web",),
    "relay": ("relay-1", "relay-2"),
    "readmodel": ("readmodel-1", "readmodel-2"),
    "access": ("access-1",),
}
LEASE_SECONDS = 3.0
HOUR = 3600
BEFORE_SECONDS = 0.5


def killed(harm: Harm) -> Iterator[None]:
    """Kill the process; it starts again when the fault ends."""
    [program] = harm.programs
    program.hold()
    yield
    program.start()


def stopped(harm: Harm) -> Iterator[None]:
    [program] = harm.programs
    program.send(signal.SIGSTOP)
    yield
    program.send(signal.SIGCONT)


def restarted(harm: Harm) -> Iterator[None]:
    """Ask the process to end, and start it again when it has, as supervisord does."""
    for program in harm.programs:
        program.send(signal.SIGTERM)
    yield


for role, targets in TARGETS.items():
    fault(f"{role}: killed", role, targets=targets, weight=2, seconds=(0, 0.6))(killed)
    fault(f"{role}: stopped", role, targets=targets)(stopped)
    fault(f"{role}: restarted", role, targets=targets, seconds=(0.1, 0.1))(restarted)
for role in ("readmodel", "access"):
    seconds = (LEASE_SECONDS + 0.3, LEASE_SECONDS + 1.2)
    name = f"{role}: stopped for longer than its lease"
    fault(name, role, targets=TARGETS[role], weight=0.3, seconds=seconds)(stopped)


@fault("web: a worker is killed", "web", weight=2, seconds=(0, 0))
def worker_killed(harm: Harm) -> Iterator[None]:
    [program] = harm.programs
    program.send_to_workers(signal.SIGKILL)
    yield


@fault("web: the main process is killed", "web", seconds=(0, 0))
def main_process_killed(harm: Harm) -> Iterator[None]:
    [program] = harm.programs
    program.send_to_main(signal.SIGKILL)
    yield


@fault("rebuild: killed", "rebuild", weight=2, seconds=(0, 0))
def rebuild_killed(harm: Harm) -> Iterator[None]:
    harm.installation.rebuild.send(signal.SIGKILL)
    yield


@fault("rebuild: stopped", "rebuild")
def rebuild_stopped(harm: Harm) -> Iterator[None]:
    harm.installation.rebuild.send(signal.SIGSTOP)
    yield
    harm.installation.rebuild.send(signal.SIGCONT)


@fault("rebuild: interrupted", "rebuild", seconds=(0, 0))
def rebuild_interrupted(harm: Harm) -> Iterator[None]:
    harm.installation.rebuild.send(signal.SIGINT)
    yield


def _at_step(harm: Harm, signum: int) -> Iterator[None]:
    """Let whichever process of the role comes to the step first send itself the signal there."""
    number = next(number for number, step in enumerate(STEPS) if f"{step.role}: {step.label}" == harm.strike.target)
    programs = harm.installation.of_role(STEPS[number].role)
    for program in programs:
        program.arm(number, signum)
    yield
    for program in programs:
        program.disarm()
    harm.has_struck = any(program.has_struck for program in programs)
    if signum == signal.SIGSTOP:
        for program in programs:
            program.continue_all()


def killed_at_step(harm: Harm) -> Iterator[None]:
    return _at_step(harm, signal.SIGKILL)


def stopped_at_step(harm: Harm) -> Iterator[None]:
    return _at_step(harm, signal.SIGSTOP)


def steps_of(role: str) -> tuple[str, ...]:
    return tuple(f"{step.role}: {step.label}" for step in STEPS if step.role == role)


for role in ("web", "relay", "readmodel", "access", "rebuild"):
    fault(f"{role}: killed at a step", role, targets=steps_of(role), weight=4, seconds=(0.6, 1.2))(killed_at_step)
    fault(f"{role}: stopped at a step", role, targets=steps_of(role), weight=2, seconds=(0.6, 1.2))(stopped_at_step)


def _clock(harm: Harm, seconds: int) -> Iterator[None]:
    """Move the clock while the process runs, which is restarted before with such a clock, and afterwards without."""
    [program] = harm.programs
    program.hold()
    program.start(with_clock=True)
    wait_until(lambda: program.is_ready)
    time.sleep(BEFORE_SECONDS)  # It is to work with the right clock first.
    program.clock.write_text(f"{seconds:+d}")
    yield
    program.clock.write_text("+0")
    program.hold()
    program.start()


CLOCKS = tuple(target for role in ("relay", "readmodel", "access") for target in TARGETS[role])
"""Not the web server: with libfaketime its event loop takes the whole processor."""
WHY_NOT = "" if faketime() else "install libfaketime"


@fault("clock: an hour ahead", "clock", targets=CLOCKS, weight=0.7, seconds=(0.5, 1.5), why_not=WHY_NOT)
def clock_ahead(harm: Harm) -> Iterator[None]:
    return _clock(harm, HOUR)


@fault("clock: an hour behind", "clock", targets=CLOCKS, weight=0.7, seconds=(0.5, 1.5), why_not=WHY_NOT)
def clock_behind(harm: Harm) -> Iterator[None]:
    return _clock(harm, -HOUR)
