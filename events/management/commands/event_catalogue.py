"""Print all events with their fields, where they are created and which groups handle them."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from events.checks import CODE_TAG
from events.management.command import BaseCommand
from events.management.console import Console, Table
from events.schemas.catalogue import Catalogue, CatalogueField, catalogue

FORMATS = ("table", "markdown", "json")


class Command(BaseCommand):
    help = (
        "Print all events with their fields, as JSON names and types. The groups that handle them come from the "
        "subscribers in EVENTS_SUBSCRIBERS. The places where they are made come from the source code of the installed "
        "apps; an event that is made indirectly, such as by a class in a variable, is not found there."
    )
    requires_system_checks = [CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=FORMATS, default="table", help="how to print it (default: table)")
        parser.add_argument(
            "--json", action="store_const", const="json", dest="format", help="the same as --format json"
        )

    def handle(self, *, format: str, **_: Any) -> None:  # noqa: A002 (the option's name)
        found = catalogue()
        match format:
            case "json":
                self.print_json(found)
            case "markdown":
                self.stdout.write("\n".join(_markdown(found)))
            case _:
                Console(self.stdout).print(_table(found))


def _table(found: Catalogue) -> Table:
    table = Table("event", "fields", "made in", "handled by", show_lines=True)
    for event in found.events:
        table.add_row(
            Text.assemble((event.name, "bold"), f" version {event.version}\n{event.doc}"),
            _lines(event.fields),
            "\n".join(event.made_in),
            "\n".join(event.handled_by),
        )
    for kind in found.types:
        table.add_row(Text.assemble("type ", (kind.name, "bold"), f"\n{kind.doc}"), _lines(kind.fields), "", "")
    return table


def _lines(fields: Sequence[CatalogueField]) -> str:
    return "\n".join(f"{field.name}: {field.type}{'' if field.required else ', optional'}" for field in fields)


def _markdown(found: Catalogue) -> Iterator[str]:
    yield "# Events"
    yield ""
    yield "All events that the log may have, as `manage.py event_catalogue --format markdown` prints them."
    for event in found.events:
        yield from ("", f"## {event.name}, version {event.version}", "", event.doc, "")
        yield from _markdown_fields(event.fields)
        yield f"Made in: {_code(event.made_in)}. Handled by the groups: {_code(event.handled_by)}."
    for kind in found.types:
        yield from ("", f"## {kind.name}", "", kind.doc, "")
        yield from _markdown_fields(kind.fields)


def _markdown_fields(fields: Sequence[CatalogueField]) -> Iterator[str]:
    if fields:
        yield "| field | type | required | meaning |"
        yield "|---|---|---|---|"
        for field in fields:
            meaning = field.doc.replace("|", "\\|")
            yield f"| `{field.name}` | {field.type} | {'yes' if field.required else 'no'} | {meaning} |"
        yield ""


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none found"
