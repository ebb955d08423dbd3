"""Changes of event classes, compared with the schemas locked before."""

from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events.envelope import dataschema
from events.event import Event, EventType
from events.schemas.compatibility import changes, schema_of
from events.upcasting import upcaster

OLD = msgspec.defstruct("Shelf", [("room", int), ("label", str, ""), ("owner", UUID | None, None)], frozen=True)


def event_type(*fields: Any, version: int = 1, name: str = "shelf.moved", doc: str | None = None) -> EventType:
    namespace = {"__doc__": doc}
    return EventType(
        name, version, msgspec.defstruct("Moved", fields, bases=(Event,), namespace=namespace, frozen=True)
    )


def said(before: EventType, after: EventType) -> list[tuple[str, str]]:
    locked = {dataschema(before.name, before.version): schema_of(before)}
    return [(change.what, change.remedy) for change in changes(locked, [after])]


def breaks(field: str, what: str) -> tuple[str, str]:
    return (
        f"shelf.moved version 1: field {field}.",
        f'{what}, or make version 2, with @upcaster("shelf.moved", from_version=1).',
    )


def test_equal_schemas_have_no_changes() -> None:
    assert said(event_type(("shelf", OLD)), event_type(("shelf", OLD))) == []


class Color(StrEnum):
    RED = "red"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Box(msgspec.Struct):
    inner: "Box | None"
    size: int


class Crate(msgspec.Struct):
    inner: "Crate | None"
    size: str


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("room", int), ("floor", int)], [("room", int)], breaks("floor is removed", "Keep it")),
        ([("room", int)], [("room", str)], breaks("room was integer and is string", "Keep its type")),
        ([("room", int)], [("room", int | None)], breaks("room was integer and is integer or null", "Keep its type")),
        ([("id", UUID)], [("id", str)], breaks("id was string (uuid) and is string", "Keep its type")),
        (
            [("ids", list[UUID | None])],
            [("ids", list[UUID])],
            breaks("ids[] was string (uuid) or null and is string (uuid)", "Keep its type"),
        ),
        (
            [("rooms", dict[str, int])],
            [("rooms", dict[str, float])],
            breaks("rooms{} was integer and is number", "Keep its type"),
        ),
        (
            [("at", tuple[int, int])],
            [("at", tuple[int, str])],
            breaks("at[1] was integer and is string", "Keep its type"),
        ),
        (
            [("color", Color)],
            [("color", Colour)],
            breaks("color was Color and is Colour", "Keep its type"),
        ),
        ([("box", Box)], [("box", Crate)], breaks("box.size was integer and is string", "Keep its type")),
        ([("room", int)], [("room", int), ("floor", int)], breaks("floor is new and required", "Give it a default")),
        ([("room", int, 1)], [("room", int)], breaks("room has become required", "Give it a default")),
        (
            [("shelf", OLD)],
            [("shelf", msgspec.defstruct("Shelf", [("room", int), ("owner", UUID | None, None)]))],
            breaks("shelf.label is removed", "Keep it"),
        ),
    ],
)
def test_breaking_changes(before: list[Any], after: list[Any], expected: tuple[str, str]) -> None:
    assert said(event_type(*before), event_type(*after)) == [expected]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("room", int)], [("room", int), ("floor", int, 0)], "field floor is new and optional."),
        ([("room", int)], [("room", int, 0)], "field room has become optional."),
        ([("room", int, 0)], [("room", int, 1)], "its documentation or a default has changed."),
    ],
)
def test_compatible_changes(before: list[Any], after: list[Any], expected: str) -> None:
    assert said(event_type(*before), event_type(*after)) == [(f"shelf.moved version 1: {expected}", "")]


def test_a_new_docstring_must_be_written_to_the_lock_file() -> None:
    assert said(event_type(("room", int)), event_type(("room", int), doc="It moved.")) == [
        ("shelf.moved version 1: its documentation or a default has changed.", "")
    ]


def test_a_removed_event_is_breaking() -> None:
    locked = {dataschema("shelf.burnt", 1): schema_of(event_type(("room", int)))}

    [change] = changes(locked, [])

    assert change.what == "shelf.burnt version 1: the event is removed."
    assert "Keep its class" in change.remedy


def test_a_new_event_must_be_written_to_the_lock_file() -> None:
    [change] = changes({}, [event_type(("room", int))])

    assert (change.what, change.is_breaking) == ("shelf.moved version 1 is new.", False)


def test_a_new_version_without_an_upcaster_is_breaking() -> None:
    assert said(event_type(("room", int)), event_type(("room", str), version=2)) == [
        (
            "shelf.moved version 1: the version is removed; its events have no upcaster to version 2.",
            'Write @upcaster("shelf.moved", from_version=1).',
        ),
        ("shelf.moved version 2 is new.", ""),
    ]


def test_a_new_version_with_an_upcaster_must_be_written_to_the_lock_file(clean_registry: None) -> None:
    upcaster("shelf.moved", from_version=1)(lambda data: data)

    assert said(event_type(("room", int)), event_type(("room", str), version=2)) == [
        ("shelf.moved version 2 is new.", "")
    ]


def test_a_lower_version_is_breaking() -> None:
    [removed, _] = said(event_type(("room", int), version=3), event_type(("room", int), version=2))

    assert removed == (
        "shelf.moved version 3: the version is removed; the class has version 2.",
        "Versions can only grow: give the class version 3 or higher.",
    )


class TestCommand:
    """A lock file of the test's own, with all events that the tests have registered."""

    @pytest.fixture(autouse=True)
    def lock(self, tmp_path: Path, settings: Settings) -> Path:
        settings.EVENTS_SCHEMA_LOCK = tmp_path / "lock.json"
        return tmp_path / "lock.json"

    def test_the_lock_file_is_up_to_date_after_write(self, capsys: pytest.CaptureFixture[str], lock: Path) -> None:
        with pytest.raises(
            CommandError, match=r"run check_event_schemas --write(.|\n)*- thing.made version 1 is new\."
        ) as missing:
            call_command("check_event_schemas")
        assert missing.value.returncode == 1
        call_command("check_event_schemas", "--write")
        call_command("check_event_schemas")

        assert f"{lock} is up to date" in capsys.readouterr().out

    def test_a_breaking_change_is_refused_even_with_write(self, lock: Path) -> None:
        call_command("check_event_schemas", "--write")
        contents = msgspec.json.decode(lock.read_bytes())
        contents["urn:event:thing.made:1"]["$defs"]["ThingMade"]["properties"]["weight"] = {"type": "integer"}
        lock.write_bytes(msgspec.json.encode(contents))
        before = lock.read_bytes()

        for options in ([], ["--write"]):
            with pytest.raises(
                CommandError, match="thing.made version 1: field weight is removed. Keep it, or make version 2"
            ):
                call_command("check_event_schemas", *options)

        assert lock.read_bytes() == before

    def test_the_schemas_of_older_versions_are_kept(self, lock: Path) -> None:
        call_command("check_event_schemas", "--write")
        contents = msgspec.json.decode(lock.read_bytes())
        contents["urn:event:thing.moved:1"] = {"type": "object"}
        del contents["urn:event:thing.made:1"]
        lock.write_bytes(msgspec.json.encode(contents))

        call_command("check_event_schemas", "--write")

        written = msgspec.json.decode(lock.read_bytes())
        assert written["urn:event:thing.moved:1"] == {"type": "object"}
        assert [key for key in written if "thing" in key] == [
            "urn:event:thing.made:1",
            "urn:event:thing.moved:1",
            "urn:event:thing.moved:2",
        ]

    @pytest.mark.parametrize(
        "contents", ["", "[]", "<<<<<<< HEAD", '{"thing.made": {}}', '{"urn:event:thing.made:1": 7}']
    )
    def test_a_malformed_lock_file_is_reported(self, lock: Path, contents: str) -> None:
        lock.write_text(contents)

        with pytest.raises(
            CommandError, match="lock.json is not a lock file of event schemas: .*; restore it from git"
        ):
            call_command("check_event_schemas")

    def test_an_unreadable_lock_file_is_reported(self, lock: Path) -> None:
        lock.mkdir()

        with pytest.raises(CommandError, match="lock.json, named by EVENTS_SCHEMA_LOCK, can't be read"):
            call_command("check_event_schemas")
