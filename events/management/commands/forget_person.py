"""Forget a person, and prove it."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from rich.progress import Progress

from events.checks import TAG
from events.exceptions import EventError, PartitionsMissing
from events.forgotten import is_begun
from events.management.command import BaseCommand
from events.management.console import Console, Table
from events.management.dialog import confirm
from events.operations.forgetting.again import forget_again
from events.operations.forgetting.find import Extent, count_mentions, extent, person_meant
from events.operations.forgetting.leftovers import leftovers
from events.operations.forgetting.run import OnStep, Outcome, forget
from events.operations.forgetting.run import Progress as Step
from events.operations.forgetting.search import Searched, prove
from events.personal_data import Leftover, Person
from events.processes.migrations import expect_migrated
from events.stream.interface import Stream, open_stream
from events.texts.spellings import normal

STANDARD_INPUT = "-"


class Told(msgspec.Struct):
    """What was done, for programs."""

    redacted: Mapping[str, int] | None = None
    searched: Sequence[Mapping[str, object]] = ()
    left: Sequence[Mapping[str, object]] = ()
    problems: list[str] = []


class Command(BaseCommand):
    help = (
        "Forget a person: redact the marked fields in tables, log, dead letters, stream and all indices, and remove "
        "the identity from all texts. Then search everything for it, and say what is left in backups and files, and "
        "until when. The service may run meanwhile. If the command is interrupted, start it again."
    )
    exit_codes = {1: "the person is left somewhere, or a place could not be searched: run it again; or nobody agreed"}
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "person",
            nargs="?",
            metavar="PERSON",
            help="an e-mail address, or the id or code of a ticket, whose holder is meant; - reads it from the "
            "standard input, so that no history of a shell has it",
        )
        parser.add_argument(
            "--names",
            action="store_true",
            help="remove the person's name also from free texts about others, such as a reason",
        )
        parser.add_argument("--again", action="store_true", help="forget all whom a restored backup has brought back")
        parser.add_argument("--rewrite-aof", action="store_true", help="let Redis rewrite its append-only file")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print a JSON object at the end; needs --yes")

    def handle(self, *, person: str | None, again: bool, names: bool, yes: bool, **options: Any) -> None:
        if again == bool(person):
            raise CommandError("name a person, or use --again", returncode=2)
        if options["json"] and not yes:
            raise CommandError("--json can't ask: add --yes", returncode=2)
        self.console = Console(self.stdout)
        self.told = Told() if options["json"] else None
        try:
            expect_migrated()
            with closing(open_stream()) as stream:
                if again:
                    self._forget_again(stream, yes=yes)
                else:
                    self._forget(_meant(person or ""), stream, names=names, yes=yes)
                if options["rewrite_aof"]:
                    self._say(_rewrite_aof(stream))
                self._show_leftovers([*leftovers(stream)])
        except (EventError, ImproperlyConfigured, PartitionsMissing) as error:
            raise CommandError(str(error)) from error
        if self.told:
            self.print_json(self.told)
        if self.is_unfinished:
            raise CommandError("this is not finished: run the command again")

    is_unfinished = False

    def _say(self, sentence: str) -> None:
        if not self.told:
            self.stdout.write(sentence)

    def _forget(self, person: Person, stream: Stream, *, names: bool, yes: bool) -> None:
        found = extent(person)
        person = Person(person.identity, found.names)
        for line in _sentences(found, count_mentions(person) if found.names else 0, names=names):
            self._say(line)
        if found.rows or found.events or not self._is_nowhere(person, stream):
            if not yes:
                confirm()
            with _progress() as on_step:
                self._tell(forget(person, stream, names=names, on_step=on_step))
        self._show_proof(prove(person, stream))

    def _is_nowhere(self, person: Person, stream: Stream) -> bool:
        """Tell whether nothing at all has the person: the address may be misspelt, so nothing is done."""
        return not is_begun(normal(person.identity)) and all(place.is_clean for place in prove(person, stream))

    def _forget_again(self, stream: Stream, *, yes: bool) -> None:
        if not yes:
            self.stdout.write("All persons of the list are forgotten again, as far as the database has them.")
            confirm()
        with _progress() as on_step:
            done = forget_again(stream, on_step=on_step)
        self._say(f"{done.due:,} forgettings were to be done again; the database had {done.found:,} persons.")
        self._note(done.problems)

    def _tell(self, outcome: Outcome) -> None:
        if self.told:
            self.told.redacted = {"events": outcome.events, "aggregates": outcome.aggregates, "texts": outcome.texts}
        self._say(
            f"Redacted: {outcome.events:,} events of {outcome.aggregates:,} aggregates, and {outcome.texts:,} texts of "
            "failures and of the admin's history."
        )
        self._note(outcome.problems)

    def _note(self, problems: Sequence[str]) -> None:
        if self.told:
            self.told.problems += problems
        for problem in problems:
            self.stderr.write(problem)
        self.is_unfinished |= bool(problems)

    def _show_proof(self, proof: Sequence[Searched]) -> None:
        if self.told:
            self.told.searched = [place._asdict() for place in proof]
        table = Table(
            "searched", "entries", "with the person", title="What was searched afterwards", title_justify="left"
        )
        for place in proof:
            table.add_row(place.place, f"{place.searched:,}", place.problem or f"{place.found:,}")
        self._print(table)
        if unclean := [place.place for place in proof if not place.is_clean]:
            self.is_unfinished = True
            self.stderr.write(f"the person is left in, or could not be looked for in: {', '.join(unclean)}")

    def _show_leftovers(self, left: Sequence[Leftover]) -> None:
        if self.told:
            self.told.left = [leftover._asdict() for leftover in left]
        table = Table(
            "what is left", "until", "how to end it", title="What this command can't reach", title_justify="left"
        )
        for leftover in left:
            table.add_row(leftover.place, leftover.until, leftover.remedy)
        self._print(table)

    def _print(self, table: Table) -> None:
        if not self.told:
            self.console.print(table)


def _meant(text: str) -> Person:
    return person_meant(sys.stdin.readline().strip() if text == STANDARD_INPUT else text)


def _sentences(found: Extent, mentions: int, *, names: bool) -> Iterator[str]:
    """Describe what will be done, without naming the person."""
    if not (found.rows or found.events):
        yield "Tables and log have nothing of this person."
        return
    yield f"The person is in {found.rows:,} rows and {found.events:,} events. Their data will be replaced everywhere:"
    yield "  this can't be undone, and every reader of the events is told to do the same."
    if mentions and names:
        yield f"  {mentions:,} free texts about others have the name; it is removed from them too."
    elif mentions:
        yield f"  {mentions:,} free texts about others have the name, and keep it: use --names to remove it there too."


@contextmanager
def _progress() -> Iterator[OnStep]:
    console = Console()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def on_step(step: Step) -> None:
            task = tasks.get(step.step)
            if task is None:
                task = tasks[step.step] = progress.add_task(step.step, total=step.total or None)
            progress.update(task, completed=step.done, total=step.total or None)

        yield on_step


def _rewrite_aof(stream: Stream) -> str:
    if stream.rewrite_file():
        return "Redis rewrites its append-only file now."
    return "Redis does not let the service's user rewrite its append-only file: run BGREWRITEAOF as another user."
