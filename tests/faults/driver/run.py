"""Run one schedule: load, faults, the end of both, and the comparison at rest."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

import psutil
from django.db import Error, connection

from tests.faults.driver.checker import Checker
from tests.faults.driver.faults import FAULTS, Harm, Strike, harmed
from tests.faults.driver.installation import Installation, retry_letters
from tests.faults.driver.load import Load
from tests.faults.driver.schedule import AT_A_STEP, Schedule

SHORTEST_LOAD_SECONDS = 1.2
REST_SECONDS = 60.0
"""How long everything may take to be equal again."""
POLL_SECONDS = 0.05
STOPPED_SECONDS = 0.7
REBUILD_SECONDS = 60.0


class Result(NamedTuple):
    """What a schedule has shown; the seconds count from the end of the last fault."""

    schedule: Schedule
    struck: dict[str, bool]
    """Whether each fault happened, by its name and target: a process may not come to the step."""
    failures: list[str]
    silence_seconds: float
    """The longest time without an answered change."""
    equal_seconds: float
    """Until the read model, the webhooks and all the rest were equal again."""
    seconds: float
    cpu_seconds: float
    answered: int
    unanswered: int


class Stage:
    """Runs schedules on one installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.checker = Checker(installation)

    def renew(self) -> None:
        self.installation.renew()
        self.checker = Checker(self.installation)

    def play(self, schedule: Schedule) -> Result:
        began, cpu = time.monotonic(), _cpu_seconds()
        random.seed(schedule.seed)
        self.installation.forget_repairs()
        load = Load(self.installation)
        harms = [Harm(self.installation, strike, schedule.seed) for strike in schedule.strikes]
        with load.running():
            failures = self._strike(schedule, harms, load)
            ended_at = time.monotonic()
            failures += self._wait_for_answers(load)
        self.checker.promises += load.promises
        failures += [*load.refused, *self._rest(schedule)]
        equal_seconds = time.monotonic() - ended_at
        connection.close()  # A fault may have ended this session.
        failures += [*self.checker.wrong(), *self._endings()]
        struck = {f"{harm.strike.fault}|{harm.strike.target}": harm.has_struck for harm in harms}
        return Result(
            schedule,
            struck,
            failures,
            load.longest_silence_seconds,
            equal_seconds,
            time.monotonic() - began,
            _cpu_seconds() - cpu,
            len(load.answered),
            load.unanswered,
        )

    def _strike(self, schedule: Schedule, harms: Sequence[Harm], load: Load) -> list[str]:
        """Let all faults happen, and wait until they have ended."""
        errors: list[str] = []
        turns: dict[str, threading.Lock] = defaultdict(threading.Lock)  # Of faults at steps of one role.

        def turn(strike: Strike) -> AbstractContextManager[object]:
            return turns[FAULTS[strike.fault].who] if AT_A_STEP in strike.fault else nullcontext()

        def run(harm: Harm) -> None:
            try:
                _wait_until_moment(load, harm.strike.moment)
                with turn(harm.strike), harmed(harm):
                    self._last(harm.strike)
            except Exception as error:  # noqa: BLE001 (the thread's outermost block)
                errors.append(f"the driver failed at {harm.strike}: {type(error).__name__}: {error}")
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=[harm], name=harm.strike.fault) for harm in harms]
        for thread in threads:
            thread.start()
        if schedule.rebuild_at is not None:
            _wait_until_moment(load, schedule.rebuild_at)
            self.installation.rebuild.start()
        for thread in threads:
            thread.join()
        _wait_until_moment(load, SHORTEST_LOAD_SECONDS)
        return errors

    def _last(self, strike: Strike) -> None:
        """Let the fault last; one at a step has waited long enough as soon as it has struck."""
        if AT_A_STEP not in strike.fault:
            time.sleep(strike.seconds)
            return
        until, programs = time.monotonic() + strike.seconds, self.installation.of_role(FAULTS[strike.fault].who)
        while time.monotonic() < until and not any(program.has_struck or program.has_ended for program in programs):
            time.sleep(POLL_SECONDS)
        if "stopped" in strike.fault:
            time.sleep(STOPPED_SECONDS)

    def _wait_for_answers(self, load: Load) -> list[str]:
        """Wait until a change is answered that was sent after the end of all faults."""
        before, until = len(load.answered), time.monotonic() + REST_SECONDS
        while len(load.answered) < before + 1:
            if time.monotonic() > until:
                return [f"no change was answered for {REST_SECONDS} s after the faults"]
            time.sleep(POLL_SECONDS)
        return []

    def _rest(self, schedule: Schedule) -> list[str]:
        """Do what an operator does, and wait until everything is equal; return the differences that stay."""
        until = time.monotonic() + REST_SECONDS
        if schedule.rebuild_at is not None and (failure := self._finish_rebuild()):
            return [failure]
        while found := self._first_difference():
            if time.monotonic() > until:
                return [f"not equal after {REST_SECONDS} s: {found}"]
            if found.startswith("open letter of access"):
                retry_letters()
            time.sleep(POLL_SECONDS)
        return []

    def _first_difference(self) -> str:
        try:
            return next(self.checker.unfinished(), "")
        except Error as error:
            connection.close()
            return f"the database can't be read: {error}"

    def _finish_rebuild(self) -> str:
        """Run the rebuild again, as an operator does, until it succeeds."""
        rebuild, until = self.installation.rebuild, time.monotonic() + REBUILD_SECONDS
        while time.monotonic() < until:
            if rebuild.process and rebuild.process.is_alive():
                rebuild.process.join(POLL_SECONDS)
            elif rebuild.process and rebuild.process.exitcode == 0:
                rebuild.process = None
                return ""
            else:
                rebuild.start()
        rebuild.end()
        return f"no rebuild ended well within {REBUILD_SECONDS} s"

    def _endings(self) -> list[str]:
        return [ending for program in self.installation.programs for ending in program.take_endings()]


def _wait_until_moment(load: Load, moment: float) -> None:
    time.sleep(max(load.began_at + moment - time.monotonic(), 0))


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of all that it has started and that have not ended."""
    here = psutil.Process()
    found: list[Any] = [here, *here.children(recursive=True)]
    seconds = 0.0
    for process in found:
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
