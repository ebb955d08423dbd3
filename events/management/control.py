"""The base of the commands that pause, resume and stop consumers."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection
from typing import Any, ClassVar

from django.core.management.base import CommandError

from events.checks import TAG
from events.conf import conf
from events.management.arguments import count
from events.management.command import BaseCommand
from events.models import Member
from events.operations.control import GroupRequest, ask, living_members, unfinished_members

WAIT_SECONDS = 60
POLL_SECONDS = 0.2


def declared_group(text: str) -> str:
    """Parse the name of a declared consumer group."""
    if text not in conf.subscribers:
        known = ", ".join(sorted(conf.subscribers)) or "none"
        raise ArgumentTypeError(f"EVENTS_SUBSCRIBERS has no group {text!r}; known groups: {known}")
    return text


class ControlCommand(BaseCommand):
    """Send a request to the processes of some groups, and with --wait, wait until they have fulfilled it."""

    requires_system_checks = [TAG]
    exit_codes = {1: "with `--wait`: some processes have not done it in time; or it failed"}
    request: ClassVar[GroupRequest]
    done: ClassVar[str]
    """The state of a process that has fulfilled the request, for messages."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "groups", nargs="*", type=declared_group, metavar="GROUP", help="which groups (default: all declared ones)"
        )
        parser.add_argument(
            "--wait",
            nargs="?",
            type=count,
            const=WAIT_SECONDS,
            metavar="SECONDS",
            help="wait until all living processes have done it; the exit code is 1 if some have not in time "
            "(default: %(const)s)",
        )

    def handle(self, *, groups: list[str], wait: int | None, **_: Any) -> None:
        chosen = sorted(set(groups or conf.subscribers))
        ask(self.request, chosen)
        for group in chosen:
            lives = living_members([group]).count()
            self.stdout.write(f"{group}: {lives} {'process' if lives == 1 else 'processes'} asked to {self.request}")
        if wait:
            self._wait(chosen, wait)

    def _wait(self, groups: Collection[str], seconds: int) -> None:
        until = time.monotonic() + seconds
        while members := list(unfinished_members(self.request, groups)):
            if time.monotonic() >= until:
                late = "; ".join(map(_describe, members))
                raise CommandError(f"not all processes are {self.done} after {seconds} s: {late}")
            time.sleep(POLL_SECONDS)
        self.stdout.write(f"all processes are {self.done}")


def _describe(member: Member) -> str:
    state = f"{member.state} after {member.error}" if member.error else member.state
    return f"{member.group} {member.id} is {state}"
