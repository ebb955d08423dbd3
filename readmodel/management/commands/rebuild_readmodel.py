"""Build a new index of the read model from the log, while the old one is searched and written to."""

import time
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from events.checks import CODE_TAG, TAG
from events.exceptions import EventError
from events.management.arguments import number
from events.management.command import BaseCommand
from events.management.console import Console
from readmodel import rebuild
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.index.notes import Target
from readmodel.management.arguments import add_projection, projection_named
from readmodel.projection import projections


class _Outcome(msgspec.Struct, kw_only=True):
    """What was done."""

    projection: str
    built: str | None = None
    compared: int = 0
    deleted: list[str] = []
    searched: str | None = None


class Command(BaseCommand):
    help = (
        "Build a new index from the log beside the searched one, and then move the alias to it in one step. Searches "
        "and writes continue meanwhile. If the command is interrupted, start it again: it continues where it was. "
        "The formerly searched index is kept and fed, for --rollback."
    )
    exit_codes = {1: "it was interrupted or failed; the next run continues"}
    requires_system_checks = [TAG, CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_projection(parser, default="the first one")
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--rollback", action="store_true", help="move the alias back to the previous index")
        action.add_argument("--drop", action="store_true", help="delete all indices but the searched one")
        parser.add_argument(
            "--keep", type=number, metavar="N", default=1, help="keep N indices beside the searched one (default: 1)"
        )
        parser.add_argument("--json", action="store_true", help="print a JSON object when it is done")

    def handle(self, *, projection: str | None, rollback: bool, drop: bool, json: bool, **options: Any) -> None:
        keep: int = options["keep"]
        if keep < 0:
            raise CommandError(f"--keep must be 0 or more, not {keep}")
        chosen = projection_named(projection) if projection else projections()[0]
        self.outcome = _Outcome(projection=chosen.name)
        self.is_json = json
        try:
            with closing(connect(chosen)) as index, rebuild.only_one(chosen):
                index.indices.undo_leftovers()
                if drop:
                    self._drop_all_but(index, kept=0)
                elif rollback:
                    self._roll_back(index)
                else:
                    self._rebuild(index)
                    self._drop_all_but(index, kept=keep)
                self.outcome.searched = getattr(index.indices.searched(), "name", None)
        except (EventError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted: run the command again to continue, or with --drop to delete the unfinished index"
            ) from None
        if json:
            self.print_json(self.outcome)

    def _rebuild(self, index: DocumentIndex) -> None:
        index.indices.ensure()
        index.indices.note_rejected()
        begun = rebuild.find_begun(index)
        target = begun or rebuild.begin(index)
        self.outcome.built = target.name
        self._say(f"{target.name} {'exists: the rebuild continues' if begun else 'is created'}")
        with rebuild.fed():
            self._fill(target)
            if compared := sum(rebuild.prove(index, target)):
                self.outcome.compared = compared
                self._say(f"{target.name} agrees with the log: {compared:,} comparisons")
            rebuild.switch(index, target)
        self._say(f"{target.name} is searched now")

    def _fill(self, target: Target) -> None:
        console = Console()
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("events")
            while not (count := rebuild.count(target)).is_all:
                rate = progress.tasks[task].speed or 0
                progress.update(task, completed=count.handled, total=count.of, description=f"{rate:,.0f} events/s")
                time.sleep(rebuild.POLL_SECONDS)

    def _roll_back(self, index: DocumentIndex) -> None:
        searched, *others = index.indices.kept()
        before = [target for target in others if target.name < searched.name and target.may_be_searched_again]
        if not before:
            raise CommandError(f"there is no index before {searched.name} to go back to")
        with rebuild.fed():
            rebuild.switch(index, before[-1])
        self._say(f"{before[-1].name} is searched now, {searched.name} is kept")

    def _drop_all_but(self, index: DocumentIndex, *, kept: int) -> None:
        _, *others = index.indices.kept()
        others.sort(key=lambda target: target.may_be_searched_again)  # Otherwise they stay oldest first.
        for target in others[: len(others) - kept]:
            rebuild.drop(index, target)
            self.outcome.deleted.append(target.name)
            self._say(f"{target.name} is deleted")

    def _say(self, sentence: str) -> None:
        if not self.is_json:
            self.stdout.write(sentence)
