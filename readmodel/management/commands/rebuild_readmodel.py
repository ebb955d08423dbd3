"""Build an index of the read model anew from the log, while it is searched and written to."""

import time
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from events.checks import CODE_TAG, TAG
from events.exceptions import EventError
from readmodel import rebuild
from readmodel.index.aliases import Target
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.projection import projections


class Command(BaseCommand):
    help = (
        "Build an index anew from the log, beside the one that is searched; then let it take that one's place, in one "
        "step. Searches and writes go on meanwhile. Interrupted, it goes on where it was when it is started again. "
        "The index that was searched before is kept and fed, for --rollback."
    )
    requires_system_checks = [TAG, CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [projection.name for projection in projections()]
        parser.add_argument(
            "projection",
            nargs="?",
            metavar="PROJECTION",
            choices=names,
            default=names[0],
            help=f"one of: {', '.join(names)} (default: %(default)s)",
        )
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--rollback", action="store_true", help="let the index before the searched one be searched")
        action.add_argument("--drop", action="store_true", help="delete all indices but the one that is searched")
        parser.add_argument(
            "--keep", type=int, metavar="N", default=1, help="keep N indices beside the searched one (default: 1)"
        )

    def handle(self, *, projection: str, rollback: bool, drop: bool, keep: int, **_: Any) -> None:
        if keep < 0:
            raise CommandError("--keep is a number of indices, 0 or more")
        [chosen] = [candidate for candidate in projections() if candidate.name == projection]
        try:
            with closing(connect(chosen)) as index, rebuild.only_one(chosen):
                if drop:
                    self._drop_all_but(index, kept=0)
                elif rollback:
                    self._roll_back(index)
                else:
                    self._rebuild(index)
                    self._drop_all_but(index, kept=keep)
        except EventError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted: start it again to go on, or with --drop to give up what was built"
            ) from None

    def _rebuild(self, index: DocumentIndex) -> None:
        begun = rebuild.find_begun(index)
        target = begun or rebuild.begin(index)
        self.stdout.write(f"{target.name} is {'filled further' if begun else 'made'}")
        with rebuild.fed():
            self._fill(target)
            if compared := sum(rebuild.prove(index, target)):
                self.stdout.write(f"{target.name} is what the log tells: {compared:,} comparisons")
            rebuild.switch(index, target)
        self.stdout.write(f"{target.name} is searched now")

    def _fill(self, target: Target) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("events")
            while not (count := rebuild.count(target)).is_all:
                rate = progress.tasks[task].speed or 0
                progress.update(task, completed=count.settled, total=count.of, description=f"{rate:,.0f} events/s")
                time.sleep(rebuild.POLL_SECONDS)

    def _roll_back(self, index: DocumentIndex) -> None:
        searched, *others = index.indices.kept()
        before = [target for target in others if target.name < searched.name]
        if not before:
            raise CommandError(f"there is no index before {searched.name}")
        with rebuild.fed():
            rebuild.switch(index, before[-1])
        self.stdout.write(f"{before[-1].name} is searched now, {searched.name} is kept")

    def _drop_all_but(self, index: DocumentIndex, *, kept: int) -> None:
        _, *others = index.indices.kept()
        for target in others[: len(others) - kept]:
            rebuild.drop(index, target)
            self.stdout.write(f"{target.name} is deleted")
