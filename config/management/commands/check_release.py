"""Say what has to be done before the code of another release may start."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

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
        "what has to be done first and afterwards, and whether the running processes survive it. It changes nothing."
    )
    exit_codes = {
        0: "there is nothing to do",
        1: "a server does not answer",
        TO_DO: "the running processes survive what has to be done",
        NOT_SURVIVED: "they may not survive it",
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a JSON list of steps")

    def handle(self, *, json: bool, **_: Any) -> None:
        try:
            steps = list(steps_of_release())
        except RetryLater as error:
            raise CommandError(str(error)) from error
        if json:
            self.print_json([_reported(step) for step in steps])
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
