"""Compare the documents of the read model with the log."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from events.exceptions import RetryLater, TargetLost
from events.management.arguments import count
from readmodel.comparison import Comparison, Difference
from readmodel.documents import searched_documents
from readmodel.index import connect
from readmodel.verification import Step, Verification


class Command(BaseCommand):
    help = (
        "Compare the searched index with the log: the newest state of each ticket, as far as the group has come, and "
        "the documents of which the log has no event. Traffic may go on. It ends with 1 if differences remain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="make the documents that differ what the log tells")
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--sample", type=count, metavar="N", help="compare only N tickets, chosen at random")
        scope.add_argument("--ghosts", action="store_true", help="look only for documents without an event")
        parser.add_argument(
            "--after", default="", metavar="ID", help="go on after this ticket, or with --ghosts document"
        )
        parser.add_argument("--json", action="store_true", help="print each difference as a JSON object, one a line")

    def handle(self, *, repair: bool, json: bool, **options: Any) -> None:
        self.write = _as_json if json else _as_line
        self.compared = self.found = self.repaired = 0
        self.go_on = ""
        try:
            with closing(connect()) as index:
                comparison = Comparison(searched_documents(index))
                self._verify(Verification(comparison, repair=repair), **options)
        except (RetryLater, TargetLost, KeyboardInterrupt) as error:
            raise CommandError(f"{str(error) or 'interrupted'}{self.go_on}") from error
        if not json:
            self._sum_up(comparison)
        if self.found > self.repaired:
            raise CommandError(f"differences that remain: {self.found - self.repaired:,}")

    def _verify(self, verification: Verification, *, sample: int | None, ghosts: bool, after: str, **_: Any) -> None:
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal, transient=True) as self.progress:
            events, documents = verification.comparison.events, verification.comparison.documents
            if sample:
                self._follow(verification.compare_sample(sample), "tickets", sample)
                return
            if not ghosts:
                steps = verification.compare_tickets(after)
                self._follow(steps, "tickets", events.count_aggregates(), go_on="--after")
            steps = verification.find_ghosts(after if ghosts else "")
            self._follow(steps, "documents", documents.count(), go_on="--ghosts --after")

    def _follow(self, steps: Iterator[Step], name: str, total: int, *, go_on: str = "") -> None:
        task = self.progress.add_task(name, total=total)
        for step in steps:
            self.compared += step.compared if name == "tickets" else 0
            for difference in step.differences:
                self.found += 1
                self.repaired += difference.repaired
                self.stdout.write(self.write(difference))
            self.progress.advance(task, step.compared)
            self.go_on = f"; go on with {go_on} {step.last}" if go_on and step.last else ""

    def _sum_up(self, comparison: Comparison) -> None:
        self.stdout.write(f"{self.compared:,} tickets compared, {self.found:,} differences, {self.repaired:,} repaired")
        if unsettled := comparison.events.count_unsettled():
            self.stdout.write(f"{unsettled:,} events are not handled yet: what they tell is not expected")


def _as_json(difference: Difference) -> str:
    names = ("id", "kind", "log_version", "index_version", "fields", "repaired")
    return msgspec.json.encode({name: getattr(difference, name) for name in names}).decode()


def _as_line(difference: Difference) -> str:
    versions = f"version {difference.log_version} in the log, {difference.index_version} in the index"
    fields = "".join(
        f"; {name}: {told!r} in the log, {stored!r} in the index" for name, (told, stored) in difference.fields.items()
    )
    repaired = "; repaired" if difference.repaired else ""
    return f"{difference.id} is {difference.kind} ({versions}){fields}{repaired}"
