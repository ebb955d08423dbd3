"""Say what has to be done before the code of another release may start."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.management.base import CommandError

from config.release.step import Step
from config.release.steps import steps_of_release
from events.exceptions import RetryLater
from events.management.command import BaseCommand

TO_DO, NOT_SURVIVED = 3, 4
"""Exit codes."""


class Command(BaseCommand):
    help = (
        "Run it with the code and the settings of another release, before that starts, on the live servers: it says "
        "what has to be done first and afterwards, and whether the running processes survive it. It changes nothing. "
        "The exit code is 0 if there is nothing to do, 3 if the running processes survive all of it, 4 if they may "
        "not, and 1 if a server does not answer."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a JSON list of steps")

    def handle(self, *, json: bool, **_: Any) -> None:
        try:
            steps = list(steps_of_release())
        except RetryLater as error:
            raise CommandError(str(error)) from error
        if json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode([_reported(step) for step in steps])).decode())
        else:
            self._show(steps)
        if steps:
            sys.exit(TO_DO if all(step.is_survived for step in steps) else NOT_SURVIVED)

    def _show(self, steps: Sequence[Step]) -> None:
        if not steps:
            self.stdout.write("nothing to do: the new code may start")
        for step in steps:
            verdict = "" if step.is_survived else " The running processes may not survive it."
            text = f"{step.when.upper():<11}{step.about}: {step.found}.{verdict} {step.do[0].upper()}{step.do[1:]}."
            self.stdout.write(text, None if step.is_survived else self.style.ERROR)


def _reported(step: Step) -> dict[str, Any]:
    return {
        "about": step.about,
        "found": step.found,
        "do": step.do,
        "when": step.when,
        "running_processes_survive": step.is_survived,
    }
