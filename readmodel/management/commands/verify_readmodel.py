"""Compare the documents of the read model with the log."""

from argparse import ArgumentParser
from contextlib import ExitStack, closing
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from events.exceptions import RetryLater, TargetLost
from events.management.arguments import count
from readmodel.index.document_index import connect
from readmodel.projection import projections
from readmodel.verification.difference import Difference
from readmodel.verification.verification import Verification, Way, kept_comparisons


class Command(BaseCommand):
    help = (
        "Compare each kept index with the log: the documents of which that tells, as far as the group has come, and "
        "those of which it has no event. Traffic may go on. It ends with 1 if differences remain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [projection.name for projection in projections()]
        parser.add_argument(
            "projection",
            nargs="?",
            metavar="PROJECTION",
            choices=names,
            help=f"only the indices of one of: {', '.join(names)}",
        )
        parser.add_argument("--index", default="", metavar="NAME", help="only the index of this name")
        parser.add_argument("--repair", action="store_true", help="make the documents that differ what the log tells")
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--sample", type=count, metavar="N", help="compare only N documents, chosen at random")
        scope.add_argument("--ghosts", action="store_true", help="look only for documents without an event")
        parser.add_argument("--after", default="", metavar="ID", help="go on after this document; needs --index")
        parser.add_argument("--json", action="store_true", help="print each difference as a JSON object, one a line")

    def handle(self, *, projection: str | None, index: str, repair: bool, json: bool, **scope: Any) -> None:
        if scope["after"] and not index:
            raise CommandError("--after needs --index: a document is of one index")
        self.is_json = json
        self.remaining = 0
        self.go_on = ""
        try:
            with ExitStack() as opened:
                chosen = [found for found in projections() if projection in {None, found.name}]
                indices = [opened.enter_context(closing(connect(found))) for found in chosen]
                verifications = [
                    Verification(comparison, repair=repair) for comparison in kept_comparisons(indices, name=index)
                ]
                for number, verification in enumerate(verifications, start=1):
                    self.later = [later.name for later in verifications[number:]]
                    self._verify(verification, **scope)
        except (RetryLater, TargetLost, KeyboardInterrupt) as error:
            raise CommandError(f"{str(error) or 'interrupted'}{self.go_on}") from error
        except ValueError as error:
            raise CommandError(f"--after {scope['after']}: {error}") from error
        if self.remaining:
            raise CommandError(f"differences that remain: {self.remaining:,}")

    def _verify(self, verification: Verification, *, sample: int | None, ghosts: bool, after: str, **_: Any) -> None:
        if not verification.comparison.documents.are_of_this_projection:
            # After an upgrade it is kept for a way back; of a searched one doctor says that it has to be rebuilt.
            self.stderr.write(f"{verification.name} is of another version of the projection, and is not compared")
            return
        self.compared = self.found = self.repaired = 0
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal, transient=True) as self.progress:
            for way in verification.ways(sample=sample, ghosts=ghosts, after=after):
                self._follow(verification, way)
        self.remaining += self.found - self.repaired
        if not self.is_json:
            self._sum_up(verification)

    def _follow(self, verification: Verification, way: Way) -> None:
        task = self.progress.add_task(f"{verification.name}: {way.of}", total=way.total)
        for step in way.steps:
            self.compared += step.compared if way.is_from_log else 0
            for difference in step.differences:
                self.found += 1
                self.repaired += difference.repaired
                self.stdout.write(self._told(difference, verification.name))
            self.progress.advance(task, step.compared)
            if way.option and step.last:
                then = "".join(f", then with --index {name}" for name in self.later)
                self.go_on = f"; go on with --index {verification.name} {way.option} {step.last}{then}"

    def _told(self, difference: Difference, index: str) -> str:
        return _as_json(difference, index) if self.is_json else _as_line(difference, index)

    def _sum_up(self, verification: Verification) -> None:
        self.stdout.write(
            f"{verification.name}: {self.compared:,} documents compared, {self.found:,} differences, "
            f"{self.repaired:,} repaired"
        )
        if unsettled := verification.comparison.events.count_unsettled():
            self.stdout.write(
                f"{verification.name}: {unsettled:,} events are not handled yet: what they tell is not expected"
            )


def _as_json(difference: Difference, index: str) -> str:
    names = ("id", "kind", "log_version", "index_version", "fields", "repaired")
    told = {"index": index} | {name: getattr(difference, name) for name in names}
    return msgspec.json.encode(told).decode()


def _as_line(difference: Difference, index: str) -> str:
    versions = f"version {difference.log_version} in the log, {difference.index_version} in the index"
    fields = "".join(
        f"; {name}: {told!r} in the log, {stored!r} in the index" for name, (told, stored) in difference.fields.items()
    )
    repaired = "; repaired" if difference.repaired else ""
    return f"{index}: {difference.id} is {difference.kind} ({versions}){fields}{repaired}"
