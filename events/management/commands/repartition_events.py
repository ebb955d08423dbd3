"""Give the log more partitions while traffic goes on."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError

from events.checks import TAG
from events.exceptions import PartitionsMissing, StreamUnavailable
from events.management.arguments import count
from events.management.command import BaseCommand
from events.management.dialog import confirm
from events.operations.repartitioning import (
    NumberRefused,
    RepartitioningPlan,
    RepartitioningRefused,
    describe_behind,
    execute_repartitioning,
    groups_behind,
    plan_repartitioning,
    processes_behind,
)
from events.stream.interface import Stream, open_stream

WAIT_SECONDS = 600
POLL_SECONDS = 0.2
EXAMPLES = 3


class Command(BaseCommand):
    help = (
        "Give the log more partitions while traffic goes on: a multiple of the present number, so that each partition "
        "is split. Each aggregate's events stay in order, and nothing is lost. It first shows what it will do, and "
        "asks. There is no way back. All processes must run this release before. It is one short transaction: if it is "
        "killed, run it again."
    )
    requires_system_checks = [TAG]
    exit_codes = {
        1: "it failed, or nobody agreed to what it asked; with `--wait`: not all groups have come so far in time",
        2: "wrong arguments, also a number that the log can't have",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", type=count, required=True, metavar="N", help="how many partitions the log will have"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--wait",
            nargs="?",
            type=count,
            const=WAIT_SECONDS,
            metavar="SECONDS",
            help="wait until all groups have handled what comes before the new partitions (default: %(const)s)",
        )

    def handle(self, *, to: int, dry_run: bool, yes: bool, wait: int | None, **_: Any) -> None:
        with closing(open_stream()) as stream:
            try:
                self._repartition(stream, to, dry_run=dry_run, yes=yes)
            except NumberRefused as error:
                raise CommandError(str(error), returncode=2) from error
            except (PartitionsMissing, RepartitioningRefused, StreamUnavailable) as error:
                raise CommandError(f"nothing was changed: {error}") from error
        if wait and not dry_run:
            self._wait(to, wait)

    def _repartition(self, stream: Stream, to: int, *, dry_run: bool, yes: bool) -> None:
        plan = plan_repartitioning(stream, to)
        if plan.is_done:
            self.stdout.write(f"The log has {to} partition{'s' * (to > 1)} already.")
            return
        for line in _sentences(stream, plan):
            self.stdout.write(line)
        if dry_run:
            return
        if not yes:
            confirm()
        execute_repartitioning(stream, plan)
        self.stdout.write(f"The log has {to} partitions; running processes follow within seconds.")

    def _wait(self, to: int, seconds: int) -> None:
        until, said = time.monotonic() + seconds, ""
        while behind := _behind(to):
            if time.monotonic() >= until:
                raise CommandError(f"after {seconds} s: {behind}")
            if behind != said:
                self.stdout.write(behind)
            said = behind
            time.sleep(POLL_SECONDS)
        self.stdout.write("All groups have come to the new partitions.")


def _behind(to: int) -> str:
    if old := processes_behind(to):
        return f"{old[0].group} {old[0].id} does not know of the new partitions yet"
    return describe_behind(groups_behind())


def _sentences(stream: Stream, plan: RepartitioningPlan) -> Iterator[str]:
    yield f"The log gets {plan.wanted} partitions, and has {plan.present}."
    for partition in range(plan.present):
        children = plan.children_of(partition)
        shown = ", ".join(map(str, children[:EXAMPLES])) + ", …" * (len(children) > EXAMPLES)
        yield f"  Partition {partition} ({stream.key(partition)}) gives a part of its aggregates to {shown}."
    yield "Groups begin a new partition once they have handled what its parent has by then. There is no way back."
