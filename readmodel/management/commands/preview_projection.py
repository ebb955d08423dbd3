"""Show which documents a changed projection would change."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import msgspec
from django.core.management.base import CommandError
from rich.progress import Progress

from events.exceptions import RetryLater, TargetLost
from events.management.arguments import count
from events.management.command import BaseCommand
from events.management.console import Console, Table
from readmodel.index.document_index import connect
from readmodel.management.arguments import add_projection, projection_named
from readmodel.preview import Change, Changes, Effect, Fields, Preview
from readmodel.projection import projections

LONGEST_VALUE = 60
MOST_ROWS = 50
OTHERS = "others"
"""Fields and errors that the table has no row for: an error may name its event."""


class Command(BaseCommand):
    help = (
        "Compare the documents of the searched index with those that the projection in this code makes, before it is "
        "deployed: run it with the new code and the production's settings. It shows which documents a rebuild would "
        "change, and which fields would be indexed otherwise. Nothing is written, and the service may run meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_projection(parser, default="the first one")
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--sample", type=count, metavar="N", help="compare only N documents, chosen at random")
        scope.add_argument(
            "--aggregate", metavar="ID", help="show what each event of this aggregate does to its document"
        )
        parser.add_argument("--json", action="store_true", help="print each change as a JSON object on a line")

    def handle(
        self, *, projection: str | None, sample: int | None, aggregate: str | None, json: bool, **_: Any
    ) -> None:
        self.is_json = json
        chosen = projection_named(projection) if projection else projections()[0]
        try:
            with closing(connect(chosen)) as index:
                searched = index.indices.searched()
                if searched is None:
                    raise CommandError(f"there is no index {index.indices.alias!r} to compare with")
                preview = Preview(index.documents(searched))
                if aggregate is not None:
                    self._follow(preview, aggregate)
                    return
                summary = self._compare(preview, sample)
                if not json:
                    self.stdout.write(
                        f"{searched.name}, made by version {searched.version} of the projection {chosen.name}; "
                        f"the code has version {index.projection.version}"
                    )
                    summary.print(Console(self.stdout), preview.mapping())
        except (RetryLater, TargetLost, KeyboardInterrupt) as error:
            raise CommandError(str(error) or "interrupted") from error

    def _follow(self, preview: Preview, aggregate: str) -> None:
        steps = list(preview.follow(aggregate))
        if not steps:
            raise CommandError(f"the log has no event of {aggregate or 'an empty id'}")
        for envelope, change in steps:
            if self.is_json:
                event = {"event": envelope.id, "type": envelope.type, "version": envelope.aggregate_version}
                self._write_json(event | {"change": change})
            else:
                self.stdout.write(f"version {envelope.aggregate_version}, {envelope.type} at {envelope.time:%F %T} UTC")
                for line in _lines(change) if change else ["the document stays as it is"]:
                    self.stdout.write(f"    {line}")

    def _compare(self, preview: Preview, sample: int | None) -> "_Summary":
        summary = _Summary()
        console = Console()
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("comparing", total=sample or preview.total())
            for step in preview.compare(sample=sample):
                summary.add(step)
                progress.advance(task, step.compared)
                for change in step.changes if self.is_json else ():
                    self._write_json(change)
        return summary

    def _write_json(self, members: object) -> None:
        self.stdout.write(msgspec.json.encode(members).decode())


class _Summary:
    """Counts changes by effect and by field, with an example of each."""

    def __init__(self) -> None:
        self._compared = self._others = 0
        self._effects: Counter[Effect] = Counter()
        self._numbers: Counter[tuple[Effect, str]] = Counter()
        self._examples: dict[tuple[Effect, str], Change] = {}

    def add(self, step: Changes) -> None:
        self._compared += step.compared
        self._others += step.others
        for change in step.changes:
            self._effects[change.effect] += 1
            for name in change.fields if change.effect == Effect.CHANGED else [change.error]:
                self._note(change, name)

    def _note(self, change: Change, name: str) -> None:
        if len(self._numbers) >= MOST_ROWS and (change.effect, name) not in self._numbers:
            name = OTHERS
        self._numbers[change.effect, name] += 1
        self._examples.setdefault((change.effect, name), change)

    def print(self, console: Console, mapping: Fields) -> None:
        counts = ", ".join(f"{self._effects[effect]:,} {effect}" for effect in Effect if self._effects[effect])
        console.write(f"{self._compared:,} documents compared: {counts or 'none would change'}\n")
        if self._others:
            console.write(
                f"{self._others:,} differ from the log whatever the projection is: "
                "run verify_readmodel of the deployed release\n"
            )
        if self._numbers:
            console.print(self._table())
        for name, (before, after) in mapping.items():
            console.write(f"field {name}: {_shortened(before)} in the index, {_shortened(after)} in the code\n")

    def _table(self) -> Table:
        table = Table("documents", "become", "field or error", "for example", "before", "after")
        for (effect, name), number in self._numbers.most_common():
            example = self._examples[effect, name]
            values = map(_shortened, example.fields.get(name, ()))
            table.add_row(f"{number:,}", effect, name, example.id, *values)
        return table


def _lines(change: Change) -> Iterable[str]:
    yield f"{change.id} is {change.effect}{f': {change.error}' if change.error else ''}"
    for name, (before, after) in change.fields.items():
        yield f"{name}: {_shortened(before)} -> {_shortened(after)}"


def _shortened(value: Any) -> str:
    text = "nothing" if value is None else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
