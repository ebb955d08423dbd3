"""Compare the event classes with the lock file of their schemas."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import CommandError

from events.checks import CODE_TAG
from events.conf import conf
from events.envelope import SCHEMA_PREFIX, dataschema
from events.event import registered_types
from events.management.command import BaseCommand
from events.schemas.compatibility import Change, Lock, changes, schema_of


class Command(BaseCommand):
    help = (
        "Compare the event classes with the lock file of their JSON Schemas (EVENTS_SCHEMA_LOCK), for CI. It fails if "
        "a change would break readers of existing events: a removed or retyped field, a new required field, a removed "
        "event, a version without an upcaster. For other changes it fails until --write has put them into the file; "
        "commit the file then."
    )
    exit_codes = {1: "the file is out of date, or a change breaks readers"}
    requires_system_checks = [CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="write the changes to the file, unless one of them breaks readers"
        )
        parser.add_argument("--json", action="store_true", help="print a JSON object with the changes")

    def handle(self, *, write: bool, json: bool, **_: Any) -> None:
        path, event_types = Path(conf.schema_lock), registered_types()
        locked = _read(path)
        found = list(changes(locked, event_types))
        if json:
            self.print_json({"file": path, "events": len(event_types), "changes": [*map(_members, found)]})
        if breaking := [change for change in found if change.is_breaking]:
            raise CommandError(f"the event classes differ from {path} in ways that break readers:\n{_listed(breaking)}")
        if write and found:
            current = {dataschema(each.name, each.version): schema_of(each) for each in event_types}
            _write(path, locked | current)
            self._say(f"wrote {path}; commit it.\n{_listed(found)}", json=json)
        elif found:
            raise CommandError(
                f"{path} is out of date: run check_event_schemas --write, and commit the file.\n{_listed(found)}"
            )
        else:
            self._say(f"{path} is up to date: {len(event_types)} events", json=json)

    def _say(self, sentence: str, *, json: bool) -> None:
        if not json:
            self.stdout.write(sentence)


def _members(change: Change) -> Mapping[str, object]:
    return {"what": change.what, "remedy": change.remedy, "is_breaking": change.is_breaking}


def _listed(found: Sequence[Change]) -> str:
    return "\n".join(f"- {change.what} {change.remedy}".rstrip() for change in found)


def _read(path: Path) -> Lock:
    """Return the locked schemas, none if the file does not exist yet."""
    try:
        lock: Lock = msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CommandError(f"{path}, named by EVENTS_SCHEMA_LOCK, can't be read: {error}") from error
    except msgspec.DecodeError as error:
        raise CommandError(f"{path} is not a lock file of event schemas: {error}; restore it from git") from error
    return lock


def _write(path: Path, lock: Lock) -> None:
    ordered = {key: lock[key] for key in sorted(lock, key=_name_and_version)}
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=2) + b"\n")
    except OSError as error:
        raise CommandError(f"{path}, named by EVENTS_SCHEMA_LOCK, can't be written: {error}") from error


def _name_and_version(key: str) -> tuple[str, int]:
    name, _, version = key.removeprefix(SCHEMA_PREFIX).rpartition(":")
    return name, int(version)
