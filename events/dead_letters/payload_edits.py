"""Edited payloads: draft one for an operator, and check the result against the event's class."""

import json
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec
from django.utils.translation import gettext as _

from events import payload
from events.conf import conf
from events.dead_letters.payload_text import pretty
from events.envelope import Envelope
from events.event import Event, current_class, current_version, decode
from events.exceptions import EventError, EventRefused, UnknownEventType, Unprocessable
from events.texts.storable import REFUSED
from events.upcasting import upcast

ROOT = "$"
UPCASTER_FAILED = (EventError, LookupError, TypeError, ValueError, AttributeError)
"""Errors of an upcaster that met unexpected data, which may be why the event was parked."""

type Problem = tuple[str, str]


class EditRefused(EventError):
    """The payload does not fit the event."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """`problems` has what is wrong by its place in the JSON; `$` is the whole JSON."""
        super().__init__("; ".join(f"{place}: {problem}" for place, problem in problems.items()))
        self.problems = dict(problems)


class EditedPayload(NamedTuple):
    """An accepted payload, as the event's class encodes it, with its schema version."""

    data: str
    version: int


def draft(envelope: Envelope) -> str:
    """Return the payload for an editor, upcast to the current version, or unchanged if that fails."""
    try:
        current = current_version(envelope.type)
        if envelope.schema_version < current:
            upcasted = upcast(envelope.type, envelope.schema_version, envelope.data, to=current)
            return pretty(msgspec.json.encode(upcasted).decode())
    except UPCASTER_FAILED:
        return pretty(envelope.data)
    return pretty(envelope.data)


def accept(envelope: Envelope, text: str) -> EditedPayload:
    """Return the payload that will be handled instead of the envelope's; raise EditRefused with all problems.

    Unknown fields are refused too: for a misspelt one the class would silently use the default.
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
    if REFUSED.search(text):
        raise EditRefused({ROOT: _("it has U+0000 or a lone surrogate")})
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        facts = {"problem": error.msg, "line": error.lineno, "column": error.colno}
        refusal = _("not JSON: %(problem)s in line %(line)s, column %(column)s") % facts
        raise EditRefused({ROOT: refusal}) from error
    except RecursionError as error:
        raise EditRefused({ROOT: _("nested too deeply")}) from error
    except ValueError as error:
        raise EditRefused({ROOT: _("a number has too many digits")}) from error


def _changed_identity(event: Event, envelope: Envelope) -> Iterator[Problem]:
    changed = _("it must stay %(before)s, but this payload has %(after)s")
    if event.subject != envelope.subject:
        yield _("subject"), changed % {"before": repr(envelope.subject), "after": repr(event.subject)}
    if event.aggregate_version != envelope.aggregate_version:
        versions = {"before": envelope.aggregate_version, "after": event.aggregate_version}
        yield _("aggregate version"), changed % versions


def _encode(event: Event) -> str:
    try:
        data = payload.encode(event)
    except EventRefused as error:
        raise EditRefused({ROOT: str(error)}) from error
    if len(data) > conf.max_event_bytes:
        too_large = _("it has %(size)s bytes, but EVENTS_MAX_EVENT_BYTES is %(most)s")
        raise EditRefused({ROOT: too_large % {"size": f"{len(data):,}", "most": f"{conf.max_event_bytes:,}"}})
    return data.decode()


def _problems(value: object, expected: Any, place: str) -> Iterator[Problem]:
    """Find all fields that do not fit; msgspec itself reports only the first."""
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
        yield f"{place}.{name}", _("there is no such field; the fields are %(names)s") % {"names": ", ".join(fields)}
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], field.type, f"{place}.{name}")
        elif field.required:
            yield f"{place}.{name}", _("it is missing")


def _plain(expected: Any, value: object) -> Any:
    """Return the type inside an optional type, if the value is not None and there is only one."""
    if get_origin(expected) in {Union, UnionType} and value is not None:
        others = [part for part in get_args(expected) if part is not type(None)]
        return others[0] if len(others) == 1 else expected
    return expected


def _is_struct(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)
