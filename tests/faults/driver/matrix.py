"""Run many schedules on one installation, and write down what each has shown."""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from rich.console import Console

if not apps.ready:
    django.setup()

from tests.faults.driver import soak, trial
from tests.faults.driver.faults import FAULTS
from tests.faults.driver.installation import Installation
from tests.faults.driver.run import Result, Stage
from tests.faults.driver.schedule import Schedule, packed, schedules
from tests.faults.driver.servers import Servers

ATTEMPTS = 8
"""How often the driver tries again what has not happened; most of it happens at the first or second time."""
RENEWED_AFTER = 25
"""So many schedules run before the installation is emptied: all of it is compared after each."""


def run(options: argparse.Namespace, servers: Servers) -> int:
    """Run the schedules that the options choose; return the exit code."""
    settings.EVENTS_FLUSH_ON_COMMIT = False  # Of this process, which corrects tickets and leaves the flush to others.
    logging.getLogger().setLevel(logging.CRITICAL)  # Of this process too: the failures are what is written.
    console, installation, failed = Console(highlight=False, soft_wrap=True), Installation(servers), 0
    spoiled: list[str] = []
    with installation.running():
        if options.soak:
            return soak.run(options, installation)
        stage, missed = Stage(installation), Missed()
        for number, schedule in enumerate(missed.followed(schedules(options), again=options.cover)):
            if number and number % RENEWED_AFTER == 0:
                stage.renew()
            result = stage.play(schedule)
            missed.note(result)
            _write(options, result)
            _say(console, number, result)
            if result.failures:
                failed += 1
                _keep_logs(options, installation, schedule)
                stage.renew()
        if options.try_checker:
            spoiled = trial.unnoticed(stage)
            console.print(
                f"the checker noticed {len(trial.SPOILS) - len(spoiled)} of {len(trial.SPOILS)} spoiled things"
            )
    console.print(f"{failed} schedules failed")
    never = [f"{fault} {target}".strip() for fault, target in missed.left()] if options.cover else []
    if never:
        console.print(f"never happened: {never}", markup=False)
    if spoiled:
        console.print(f"not noticed: {spoiled}", markup=False)
    return 1 if failed or never or spoiled else 0


class Missed:
    """The faults of a run that have not happened yet, since a process did not come to its step in time."""

    def __init__(self) -> None:
        self.missing: dict[tuple[str, str], bool] = {}

    def note(self, result: Result) -> None:
        for name, happened in result.struck.items():
            fault, _, target = name.partition("|")
            self.missing[fault, target] = self.missing.get((fault, target), True) and not happened

    def followed(self, planned: Iterable[Schedule], *, again: bool) -> Iterator[Schedule]:
        """Yield the planned schedules, and then, some times over, others with what has not happened."""
        yield from planned
        for attempt in range(ATTEMPTS if again else 0):
            yield from packed(f"again-{attempt}", [(FAULTS[fault], target) for fault, target in self.left()])

    def left(self) -> list[tuple[str, str]]:
        """Return the faults and targets that have not happened in any schedule."""
        return [pair for pair, is_missing in self.missing.items() if is_missing]


def _write(options: argparse.Namespace, result: Result) -> None:
    if options.results:
        with options.results.open("a") as lines:
            lines.write(json.dumps(as_json(result)) + "\n")


def as_json(result: Result) -> dict[str, Any]:
    schedule = result.schedule
    plan = {"seed": schedule.seed, "rebuild_at": schedule.rebuild_at, "strikes": list(map(list, schedule.strikes))}
    return {**plan, **{name: value for name, value in result._asdict().items() if name != "schedule"}}


def _say(console: Console, number: int, result: Result) -> None:
    silent, equal = f"{result.silence_seconds:.2f}", f"{result.equal_seconds:.2f}"
    cost = f"{result.seconds:.1f} s, {result.cpu_seconds:.1f} s of CPU"
    missed = [name for name, happened in result.struck.items() if not happened]
    console.print(
        f"{number + 1}. {result.schedule}\n   {result.answered} answered, {result.unanswered} not; "
        f"silent for {silent} s, equal after {equal} s; {cost}" + (f"; never came to: {missed}" if missed else "")
    )
    for failure in result.failures[:5]:
        console.print(f"   FAILED: {failure[:1000]}", style="bold red", markup=False)


def _keep_logs(options: argparse.Namespace, installation: Installation, schedule: Schedule) -> None:
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        (options.logs / f"{schedule.seed}.log").write_text(installation.log())
