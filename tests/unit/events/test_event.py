"""The checks of event classes, and the decoding of older versions."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from events.checks import CODE_TAG, SETTINGS_TAG, TAG
from events.event import Event, Instant, decode, event_type
from events.exceptions import UnknownEventType, UnknownEventVersion, Unprocessable
from events.personal_data import Personal
from events.subscriber import Subscriber
from events.upcasting import Data, upcaster
from tests.things import Recorder, ThingEvent, ThingMade, ThingMoved

pytestmark = pytest.mark.usefixtures("clean_registry")

ROOT = Path(__file__).resolve().parents[3]


class Custom:
    """A type that JSON lacks."""


class Mutable(msgspec.Struct):
    when: datetime
    inner: "Mutable | None" = None


def messages(about: str) -> list[CheckMessage]:
    return [message for message in run_checks(tags=[TAG, CODE_TAG], databases=[]) if about in message.msg]


def declare(name: str, *fields: Any, version: int = 1, **config: Any) -> type[Event]:
    declared = msgspec.defstruct("Declared", fields, bases=(ThingEvent,), module=__name__, kw_only=True, **config)
    return event_type(name, version=version)(declared)


class TestNames:
    @pytest.mark.parametrize(
        "name", ["", "made", ".made", "thing.", "thing made", "thing.was:made", "ding.gemäht", "t." + "x" * 99]
    )
    def test_a_name_says_what_happened_to_what(self, name: str) -> None:
        with pytest.raises(ValueError, match="<aggregate type>.<what happened>, in at most 100 letters"):
            event_type(name)

    @pytest.mark.parametrize("version", [0, -1, 32_768])
    def test_versions_count_from_1(self, version: int) -> None:
        with pytest.raises(ValueError, match=f"'thing.broken' has version {version}: versions count from 1 to 32767"):
            event_type("thing.broken", version=version)

    def test_a_name_has_one_class(self) -> None:
        with pytest.raises(ValueError, match="'thing.made' is registered already, by ThingMade: a name has one class"):
            declare("thing.made", version=2)

    def test_a_class_has_one_name(self) -> None:
        with pytest.raises(ValueError, match="ThingMade is registered already, as 'thing.made'"):
            event_type("thing.manufactured")(ThingMade)


class TestClasses:
    def test_this_project_s_events_have_no_faults(self) -> None:
        assert messages("thing.") == messages("ticket.") == []

    def test_an_unregistered_class_is_found(self) -> None:
        class Forgotten(ThingEvent, frozen=True):
            """An event class that nobody registered."""

        [message] = messages("Forgotten")

        assert (message.id, message.obj) == ("events.E020", Forgotten)
        assert message.msg.endswith("Forgotten is an event class that is not registered")
        assert messages("ThingEvent") == []  # The base of other classes.

    def test_a_class_that_is_not_frozen_is_found(self) -> None:
        declare("thing.broken", frozen=False)

        assert [message.id for message in messages("thing.broken")] == ["events.E021"]

    def test_a_class_written_as_an_array_is_found(self) -> None:
        declare("thing.broken", array_like=True)

        assert [message.id for message in messages("thing.broken")] == ["events.E027"]

    @pytest.mark.parametrize(
        ("annotations", "found"),
        [
            ((Personal(""),), {"events.E028": "of which none identify the person"}),
            ((Personal("", identifies=True),), {}),
            ((Personal(None, identifies=True),), {"events.E029": "extra can't have its replacement: Expected `str`"}),
        ],
    )
    def test_personal_fields_that_nobody_could_redact_are_found(
        self, annotations: tuple[Any, ...], found: dict[str, str]
    ) -> None:
        declare("thing.broken", ("extra", Annotated[str, *annotations]))

        said = {message.id: message.msg for message in messages("thing.broken")}

        assert said.keys() == found.keys()
        assert [text for key, text in found.items() if text not in said[key]] == []

    def test_a_class_without_subject_and_version_is_found(self) -> None:
        event_type("thing.broken")(msgspec.defstruct("Nobodys", [], bases=(Event,), frozen=True))

        assert [(message.id, message.msg.partition(") ")[2]) for message in messages("thing.broken")] == [
            ("events.E023", "does not define subject"),
            ("events.E023", "does not define aggregate_version"),
        ]

    @pytest.mark.parametrize(
        ("annotation", "message"),
        [
            (complex, "field extra can't be written as JSON: builtins.complex"),
            (list[Custom], f"field extra can't be written as JSON: {__name__}.Custom"),
            (dict[tuple[int, int], int], "field extra can't be written as JSON: keys must be text or numbers"),
            (dict[str, dict[bool, int]], "field extra can't be written as JSON: keys must be text or numbers"),
            (
                UUID | datetime,
                "field extra can't be written as JSON: Type unions may not contain more than one str-like",
            ),
            (datetime, "field extra is a time that may lack a time zone"),
            (time | None, "field extra is a time that may lack a time zone"),
            (list[Mutable], "field extra.when is a time that may lack a time zone"),
        ],
    )
    def test_a_field_that_json_can_not_carry_is_found(self, annotation: Any, message: str) -> None:
        declare("thing.broken", ("extra", annotation))

        [found] = messages("thing.broken")

        assert message in found.msg
        assert found.hint

    @pytest.mark.parametrize(
        "annotation",
        [Instant, Annotated[time, msgspec.Meta(tz=False)], dict[int, list[str | None]], dict[UUID, bytes], float, Any],
    )
    def test_a_field_that_json_can_carry_is_accepted(self, annotation: Any) -> None:
        declare("thing.sound", ("extra", annotation))

        assert messages("thing.sound") == []


class TestUpcasters:
    def test_upcasters_convert_one_version_after_the_other(self) -> None:
        declare("thing.weighed", ("grams", int), ("scales", str), version=3)

        @upcaster("thing.weighed", from_version=2)
        def add_scales(data: Data) -> Data:
            return data | {"scales": f"those of {data['grams']} g"}

        @upcaster("thing.weighed", from_version=1)
        def turn_into_grams(data: Data) -> Data:
            return {"name": data["name"], "version": data["version"], "grams": data["kilograms"] * 1000}

        first = decode("thing.weighed", 1, '{"name":"a","version":4,"kilograms":2}')
        second = decode("thing.weighed", 2, b'{"name":"a","version":4,"grams":2000}')
        third = decode("thing.weighed", 3, '{"name":"a","version":4,"grams":2000,"scales":"those of 2000 g"}')

        assert first == second == third
        assert first.aggregate_version == 4
        assert messages("thing.weighed") == []

    def test_upcast_data_is_validated(self) -> None:
        with pytest.raises(Unprocessable, match=r"thing.moved version 1: Expected `str`, got `int` - at `\$.name`"):
            decode("thing.moved", 1, '{"label":7}')

    def test_upcast_data_may_have_types_that_json_lacks(self) -> None:
        declare("thing.sold", ("to", UUID), ("at", Instant), ("prices", dict[int, float]), version=2)
        upcaster("thing.sold", from_version=1)(lambda data: data)
        data = '{"name":"a","to":"6f1c3b58-8a5f-4a63-9d0e-0b1c2d3e4f50","at":"2027-05-01T20:00:00Z","prices":{"1":2.5}}'

        assert decode("thing.sold", 1, data) == decode("thing.sold", 2, data)

    @pytest.mark.parametrize("data", ["{", "[]", "7"])
    def test_data_that_is_not_an_object_can_not_be_upcast(self, data: str) -> None:
        with pytest.raises(Unprocessable, match="thing.moved: "):
            decode("thing.moved", 1, data)

    @pytest.mark.parametrize("version", [0, -1])
    def test_a_version_below_1_can_not_be_upcast(self, version: int) -> None:
        with pytest.raises(Unprocessable, match=f"there is no upcaster from version {version}"):
            decode("thing.moved", version, "{}")

    def test_a_newer_version_waits(self) -> None:
        with pytest.raises(UnknownEventVersion, match="thing.moved has version 3; this release knows up to 2"):
            decode("thing.moved", 3, '{"name":"a"}')

    def test_a_gap_in_the_chain_is_found(self) -> None:
        declare("thing.broken", version=4)
        for step in (1, 3):
            upcaster("thing.broken", from_version=step)(lambda data: data)

        [gap] = messages("thing.broken")

        assert (gap.id, gap.msg) == (
            "events.E024",
            "thing.broken has version 4, but no upcaster for its events of version 2",
        )
        assert '@upcaster("thing.broken", from_version=2)' in str(gap.hint)

    @pytest.mark.parametrize(
        ("name", "version", "instead"),
        [
            ("thing.moved", 2, "but its class has version 2"),
            ("thing.moved", 0, "but its class has version 2"),
            ("thing.mooved", 1, "but no class is registered under this name"),
        ],
    )
    def test_an_upcaster_that_is_never_used_is_found(self, name: str, version: int, instead: str) -> None:
        upcaster(name, from_version=version)(lambda data: data)

        [useless] = messages(f"upcasts {name} from version {version}, ")

        assert useless.id == "events.E025"
        assert useless.msg.endswith(instead)

    def test_a_version_has_one_upcaster(self) -> None:
        with pytest.raises(
            ValueError, match="'thing.moved' has an upcaster from version 1 already: tests.things.name_the_thing"
        ):
            upcaster("thing.moved", from_version=1)(lambda data: data)


class Choosy(Recorder):
    handles = (ThingMoved, "thing.made")


class Unsure(Recorder):
    handles = ("thing.gone",)


class Generous(Recorder):
    handles = (ThingEvent,)


class OrderedBeside(Recorder):
    ordered, overlap = True, 2


class TransactionalBeside(Recorder):
    transactional, overlap = True, 2


class TestWhatSubscribersHandle:
    @pytest.mark.parametrize("subscriber", [OrderedBeside, TransactionalBeside])
    def test_overlap_with_order_or_a_transaction_is_refused(
        self, settings: Settings, subscriber: type[Subscriber]
    ) -> None:
        settings.EVENTS_SUBSCRIBERS = {"some": f"{__name__}.{subscriber.__name__}"}

        assert [found.id for found in messages("EVENTS_SUBSCRIBERS")] == ["events.E015"]

    @pytest.mark.parametrize(
        ("subscriber", "message"),
        [
            (Unsure, "Unsure.handles: no event class is registered as 'thing.gone'"),
            (Generous, "Generous.handles: ThingEvent is not registered"),
        ],
    )
    def test_handles_with_something_other_than_an_event_is_found(
        self, settings: Settings, subscriber: type[Subscriber], message: str
    ) -> None:
        settings.EVENTS_SUBSCRIBERS = {"some": f"{__name__}.{subscriber.__name__}"}

        [found] = messages("EVENTS_SUBSCRIBERS")

        assert found.id == "events.E010"
        assert message in found.msg

    def test_handles_takes_classes_and_names(self, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = {"some": f"{__name__}.Choosy", "all": "tests.things.Recorder"}

        assert messages("EVENTS_SUBSCRIBERS") == []


NO_FUNCTION = 7


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tests.nowhere.hook", "EVENTS_METADATA: No module named 'tests.nowhere'"),
        (f"{__name__}.missing", "EVENTS_METADATA: Module"),
        (f"{__name__}.NO_FUNCTION", "can't be called"),
    ],
)
def test_an_invalid_metadata_function_is_found(settings: Settings, path: str, message: str) -> None:
    settings.EVENTS_METADATA = path

    [found] = messages("EVENTS_METADATA")

    assert found.id == "events.E011"
    assert message in found.msg


@pytest.mark.parametrize(
    ("source", "ids"),
    [("/tickets", []), ("https://tickets.example.org", []), (" ", ["events.E034"]), ("/a b", ["events.E034"])],
)
def test_the_source_must_be_one_of_cloud_events(settings: Settings, source: str, ids: list[str]) -> None:
    settings.EVENTS_SOURCE = source

    assert [found.id for found in run_checks(tags=[SETTINGS_TAG]) if "EVENTS_SOURCE" in found.msg] == ids


def test_a_valid_metadata_function_is_accepted(settings: Settings) -> None:
    settings.EVENTS_METADATA = "tests.unit.events.recording.test_metadata.attributes"

    assert messages("EVENTS_METADATA") == []


def test_an_unknown_type_is_reported() -> None:
    with pytest.raises(UnknownEventType, match="no event class is registered as 'thing.gone'"):
        decode("thing.gone", 1, "{}")


def test_the_current_version_is_decoded_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Callable[..., Any]:
        raise AssertionError

    monkeypatch.setattr("events.event.upcast", fail)

    assert decode("thing.moved", 2, '{"name":"a"}') == ThingMoved(name="a")


FOREIGN_EVENTS = """
from events.event import Event, event_type

@event_type("parcel.sent")
class ParcelSent(Event, frozen=True): ...
"""
PRINT_NAMES = """
from django.conf import settings
settings.configure(INSTALLED_APPS=["events", "parcels"])
import django
django.setup()
from events.event import registered_types
print([event_type.name for event_type in registered_types()])
"""


def test_an_app_s_events_are_registered_without_an_import(tmp_path: Path) -> None:
    (tmp_path / "parcels").mkdir()
    (tmp_path / "parcels/__init__.py").touch()
    (tmp_path / "parcels/events.py").write_text(FOREIGN_EVENTS)
    path = os.pathsep.join([str(ROOT), str(tmp_path)])

    command = [sys.executable, "-c", PRINT_NAMES]
    printed = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)

    assert printed.stdout == "['parcel.sent']\n"
