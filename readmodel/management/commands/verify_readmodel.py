"""Compare the documents of the read model with the log."""

from argparse import ArgumentParser
from contextlib import ExitStack, closing
from typing import Any

import msgspec
from django.core.management.base import CommandError
from rich.progress import Progress

from events.exceptions import RetryLater, TargetLost
from events.management.arguments import count
from events.management.command import BaseCommand
from events.management.console import Console
from readmodel.index.document_index import connect
from readmodel.management.arguments import add_projection, projection_named
from readmodel.projection import projections
from readmodel.verification.difference import Difference
from readmodel.verification.verification import Part, Verification, kept_comparisons


class Command(BaseCommand):
    help = (
        "Compare each kept index with the log, as far as the group has handled it: find documents that differ from "
        "their events, and documents without an event. The service may run meanwhile."
    )
    exit_codes = {1: "differences remain, or it was interrupted or failed"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_projection(parser, default="all")
        parser.add_argument("--index", default="", metavar="NAME", help="compare only the index with this name")
        parser.add_argument("--repair", action="store_true", help="write the log's state into documents that differ")
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--sample", type=count, metavar="N", help="compare only N documents, chosen at random")
        scope.add_argument("--ghosts", action="store_true", help="look only for documents without an event")
        parser.add_argument("--after", default="", metavar="ID", help="continue after this document; needs --index")
        parser.add_argument("--json", action="store_true", help="print each difference as a JSON object on a line")

    def handle(self, *, projection: str | None, index: str, repair: bool, json: bool, **scope: Any) -> None:
        if scope["after"] and not index:
            raise CommandError("--after needs --index: name the index in which to continue")
        self.is_json = json
        self.remaining = 0
        self.advice = ""
        try:
            with ExitStack() as opened:
                chosen = [projection_named(projection)] if projection else projections()
                indices = [opened.enter_context(closing(connect(found))) for found in chosen]
                verifications = [
                    Verification(comparison, repair=repair) for comparison in kept_comparisons(indices, name=index)
                ]
                for number, verification in enumerate(verifications, start=1):
                    self.later = [later.name for later in verifications[number:]]
                    self._verify(verification, **scope)
        except (RetryLater, TargetLost, KeyboardInterrupt) as error:
            raise CommandError(f"{str(error) or 'interrupted'}{self.advice}") from error
        except ValueError as error:
            raise CommandError(f"--after {scope['after']}: {error}") from error
        if self.remaining:
            raise CommandError(f"differences that remain: {self.remaining:,}")

    def _verify(self, verification: Verification, *, sample: int | None, ghosts: bool, after: str, **_: Any) -> None:
        if not verification.comparison.documents.are_of_this_projection:
            # An older index is kept for --rollback; doctor asks for a rebuild if it is the searched one.
            self.stderr.write(f"{verification.name} was made by another version of the projection: not compared")
            return
        self.compared = self.found = self.repaired = 0
        console = Console()
        with Progress(console=console, disable=not console.is_terminal, transient=True) as self.progress:
            for part in verification.parts(sample=sample, ghosts=ghosts, after=after):
                self._run(verification, part)
        self.remaining += self.found - self.repaired
        if not self.is_json:
            self._sum_up(verification)

    def _run(self, verification: Verification, part: Part) -> None:
        task = self.progress.add_task(f"{verification.name}: {part.title}", total=part.total)
        for step in part.steps:
            self.compared += step.compared if part.is_from_log else 0
            for difference in step.differences:
                self.found += 1
                self.repaired += difference.repaired
                self.stdout.write(self._formatted(difference, verification.name))
            self.progress.advance(task, step.compared)
            if part.option and step.last:
                then = "".join(f", then with --index {name}" for name in self.later)
                self.advice = f"; continue with --index {verification.name} {part.option} {step.last}{then}"

    def _formatted(self, difference: Difference, index: str) -> str:
        return _as_json(difference, index) if self.is_json else _as_line(difference, index)

    def _sum_up(self, verification: Verification) -> None:
        self.stdout.write(
            f"{verification.name}: {self.compared:,} documents compared, {self.found:,} differences, "
            f"{self.repaired:,} repaired"
        )
        if unhandled := verification.comparison.events.count_unsettled():
            self.stdout.write(
                f"{verification.name}: {unhandled:,} events are not handled yet, so their state is not expected"
            )


def _as_json(difference: Difference, index: str) -> str:
    names = ("id", "kind", "log_version", "index_version", "fields", "repaired")
    members = {"index": index} | {name: getattr(difference, name) for name in names}
    return msgspec.json.encode(members).decode()


def _as_line(difference: Difference, index: str) -> str:
    versions = f"version {difference.log_version} in the log, {difference.index_version} in the index"
    fields = "".join(
        f"; {name}: {expected!r} in the log, {stored!r} in the index"
        for name, (expected, stored) in difference.fields.items()
    )
    repaired = "; repaired" if difference.repaired else ""
    return f"{index}: {difference.id} is {difference.kind} ({versions}){fields}{repaired}"
