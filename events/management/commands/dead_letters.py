"""List, show, retry, edit and discard the events that consumer groups could not handle."""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from django.core.management.base import CommandError
from django.db.models import QuerySet
from rich.progress import Progress

from events.dead_letters.actions import Outcome, discard, retry
from events.dead_letters.queries import LONG_COLUMNS, by_error
from events.management.command import BaseCommand
from events.management.console import Console
from events.management.dead_letters.arguments import OPEN, actor, add_subcommands, find, has_filter, select
from events.management.dead_letters.display import as_json, errors_table, full_json, letters_table, print_letter
from events.management.dead_letters.editing import NOTHING_CHANGED, edit_letter
from events.management.dialog import agrees
from events.models import DeadLetter

NOTHING_FOUND = "no dead letter matches"


class Command(BaseCommand):
    help = "List, show, retry, edit and discard the events that consumer groups could not handle."
    exit_codes = {1: "letters were left out, nobody agreed, or it failed"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_subcommands(parser)

    def handle(self, *, action: str, **options: Any) -> None:
        self.console = Console(self.stdout)
        actions = {
            "list": self._list,
            "show": self._show,
            "retry": self._retry,
            "edit": self._edit,
            "discard": self._discard,
        }
        actions[action](options)

    def _list(self, options: dict[str, Any]) -> None:
        letters = select(options, default_state=OPEN)
        if options["by_error"]:
            self._list_errors(letters, options)
            return
        if options["before"]:
            letters = letters.filter(id__lt=options["before"])
        page = list(letters.defer(*LONG_COLUMNS).order_by("-id")[: options["limit"]])
        if self._must_print_table(page, as_json, options):
            self.console.print(letters_table(page))
            if (total := letters.count()) > len(page):
                self.stdout.write(f"{len(page):,} of {total:,}; for the next ones add --before {page[-1].id}")

    def _list_errors(self, letters: QuerySet[DeadLetter], options: dict[str, Any]) -> None:
        counts = by_error(letters)
        if self._must_print_table(counts, lambda count: msgspec.json.encode(count).decode(), options):
            self.console.print(errors_table(counts))

    def _must_print_table[T](self, found: list[T], encode: Callable[[T], str], options: dict[str, Any]) -> bool:
        """Print JSON with --json, or that nothing was found; tell whether the caller must print a table."""
        if options["json"]:
            for item in found:
                self.stdout.write(encode(item))
        elif not found:
            self.stdout.write(NOTHING_FOUND)
        return bool(found) and not options["json"]

    def _show(self, options: dict[str, Any]) -> None:
        letter = find(options["id"])
        if options["json"]:
            self.stdout.write(full_json(letter))
        else:
            print_letter(self.console, letter)

    def _retry(self, options: dict[str, Any]) -> None:
        letters = select(options, default_state=DeadLetter.State.PARKED)
        self._act(letters, retry, done="marked to be retried", options=options)

    def _discard(self, options: dict[str, Any]) -> None:
        letters = select(options, default_state=OPEN)
        self._act(letters, partial(discard, reason=options["reason"]), done="discarded", options=options)

    def _act(
        self, letters: QuerySet[DeadLetter], act: Callable[..., Outcome], *, done: str, options: dict[str, Any]
    ) -> None:
        """Say how many letters fit and ask, then act on exactly these; raise CommandError if some were left out."""
        if not (has_filter(options) or options["all"]):
            raise CommandError("choose letters by ids, by a filter, or with --all", returncode=2)
        ids = list(letters.values_list("id", flat=True))
        if not ids:
            self.stdout.write(NOTHING_FOUND)
            return
        if len(ids) > 1 and not options["yes"]:
            self.console.print(errors_table(by_error(letters)))
            if not agrees(
                f"{len(ids):,} dead letters will be {done}. Do that?", otherwise="use --yes to do it without a question"
            ):
                raise CommandError(NOTHING_CHANGED)
        console = Console()
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("dead letters", total=len(ids))
            outcome = act(
                ids, actor(options["actor"]), on_step=lambda so_far: progress.update(task, completed=so_far.seen)
            )
        if outcome.left_out:
            raise CommandError(outcome.sentence(done))
        self.stdout.write(outcome.sentence(done))

    def _edit(self, options: dict[str, Any]) -> None:
        letter = find(options["id"])
        self.stdout.write(edit_letter(self.console, letter, actor=actor(options["actor"]), options=options))
