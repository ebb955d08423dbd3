"""The payload that an operator puts in place of an event's own: proposed, and held against the event's class."""

import json
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec

from events.conf import conf
from events.dead_letters.payload_text import pretty
from events.envelope import Envelope
from events.event import Event, current_class, current_version, decode
from events.exceptions import EventError, UnknownEventType, Unprocessable
from events.upcasting import upcast

ROOT = "$"
UPCASTER_FAILED = (EventError, LookupError, TypeError, ValueError, AttributeError)
"""Data that no upcaster foresaw, which may be why the event was parked."""

type Problem = tuple[str, str]


class EditRefused(EventError):
    """The payload does not fit the event."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Take what is wrong, by the place in the JSON; `$` is the whole of it."""
        super().__init__("; ".join(f"{place}: {problem}" for place, problem in problems.items()))
        self.problems = dict(problems)


class EditedPayload(NamedTuple):
    """A payload that fits, as the event's class writes it, and its schema version."""

    data: str
    version: int


def draft(envelope: Envelope) -> str:
    """Return the payload for an editor, lifted to the current version; as it is where that is not possible."""
    try:
        current = current_version(envelope.type)
        if envelope.schema_version < current:
            lifted = upcast(envelope.type, envelope.schema_version, envelope.data, to=current)
            return pretty(msgspec.json.encode(lifted).decode())
    except UPCASTER_FAILED:
        return pretty(envelope.data)
    return pretty(envelope.data)


def accept(envelope: Envelope, text: str) -> EditedPayload:
    """Return the payload that will be handled in place of the envelope's; raise EditRefused and say all that is wrong.

    What the class does not know is refused too: a mistyped name would silently be another field's default.
    """
    try:
        event_class, version = current_class(envelope.type), current_version(envelope.type)
    except UnknownEventType as error:
        raise EditRefused({ROOT: str(error)}) from error
    value = _parse(text)
    if problems := dict(_problems(value, event_class, ROOT)):
        raise EditRefused(problems)
    try:
        event = decode(envelope.type, version, text)
    except Unprocessable as error:
        raise EditRefused({ROOT: str(error)}) from error
    if problems := dict(_changed_identity(event, envelope)):
        raise EditRefused(problems)
    return EditedPayload(_encode(event), version)


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise EditRefused({ROOT: f"no JSON, {error.msg} in line {error.lineno}, column {error.colno}"}) from error
    except RecursionError as error:
        raise EditRefused({ROOT: "nested too deep"}) from error


def _changed_identity(event: Event, envelope: Envelope) -> Iterator[Problem]:
    if event.subject != envelope.subject:
        yield "subject", f"it must stay {envelope.subject!r}, and this payload tells of {event.subject!r}"
    if event.aggregate_version != envelope.aggregate_version:
        yield (
            "aggregate version",
            f"it must stay {envelope.aggregate_version}, and this payload tells of {event.aggregate_version}",
        )


def _encode(event: Event) -> str:
    data = msgspec.json.encode(event)
    if len(data) > conf.max_event_bytes:
        raise EditRefused({ROOT: f"{len(data):,} bytes, EVENTS_MAX_EVENT_BYTES is {conf.max_event_bytes:,}"})
    return data.decode()


def _problems(value: object, expected: Any, place: str) -> Iterator[Problem]:
    """Find each field that does not fit, where msgspec names the first one alone."""
    expected = _plain(expected, value)
    if _is_struct(expected) and isinstance(value, dict):
        yield from _field_problems(value, expected, place)
    elif get_origin(expected) is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, get_args(expected)[0], f"{place}[{index}]")
    else:
        try:
            msgspec.convert(value, expected, str_keys=True)
        except msgspec.ValidationError as error:
            said, _, inner = str(error).partition(" - at `$")
            yield place + inner.removesuffix("`"), said


def _field_problems(value: dict[str, object], struct: type[msgspec.Struct], place: str) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name in value.keys() - fields.keys() - {struct.__struct_config__.tag_field}:
        yield f"{place}.{name}", f"there is no such field, only {', '.join(fields)}"
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], field.type, f"{place}.{name}")
        elif field.required:
            yield f"{place}.{name}", "it is missing"


def _plain(expected: Any, value: object) -> Any:
    """Return the one type of an optional one that the value may be of."""
    if get_origin(expected) in {Union, UnionType} and value is not None:
        others = [part for part in get_args(expected) if part is not type(None)]
        return others[0] if len(others) == 1 else expected
    return expected


def _is_struct(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)
