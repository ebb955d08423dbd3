"""Encode an event as JSON, and refuse what its readers could not read: it would be a dead letter in every group."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import msgspec

from events.event import Event, type_of
from events.exceptions import EventRefused
from events.texts.storable import REFUSED, storable

LONGEST_SUBJECT = 200
HIGHEST_AGGREGATE_VERSION = 2**47 - 1
"""The read model multiplies it by 65,536, within 64 bits."""
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1
ESCAPED_NUL = re.compile(rb"\\u0000")
CAN_T_BE_ENCODED = TypeError, ValueError, OverflowError, RecursionError

type Problem = tuple[str, str]


def encode(event: Event) -> bytes:
    """Return the event's JSON; raise TypeError if its class is not registered.

    Raise EventRefused, which names the field, if a field is not of the class's own type, has a value that JSON or
    PostgreSQL can't hold, or if the event does not name its aggregate and version.
    """
    type_of(type(event))
    data = _encode_as_read(event)
    for place, problem in _identity_problems(event):
        raise _refusal(event, place, problem)
    return data


def _encode_as_read(event: Event) -> bytes:
    try:
        data = msgspec.json.encode(event)
        msgspec.msgpack.encode(event)  # Unlike JSON, it has no integers beyond 64 bits.
        read = _decoder_of(type(event)).decode(data)
    except CAN_T_BE_ENCODED as error:
        raise _refusal(event, *_unencodable_part(event, error)) from error
    if _differs(read, event) or msgspec.json.encode(read) != data or ESCAPED_NUL.search(data):
        for place, problem in _problems(event, read):
            raise _refusal(event, place, problem)
    return data


def _differs(read: Event, event: Event) -> bool:
    try:
        return read != event
    except InvalidOperation:  # A signaling NaN can't be compared.
        return True


@cache
def _decoder_of(event_class: type[Event]) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(event_class)


def _refusal(event: Event, place: str, problem: str) -> EventRefused:
    return EventRefused(f"{type_of(type(event)).name}: {storable(f'{place.lstrip(".")}: {problem}')}")


def _identity_problems(event: Event) -> Iterator[Problem]:
    subject, version = event.subject, event.aggregate_version
    if not (isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT and not REFUSED.search(subject)):
        yield "subject", f"it must be text of 1 to {LONGEST_SUBJECT} characters without U+0000, not {subject!r}"
    if type(version) is not int or not 1 <= version <= HIGHEST_AGGREGATE_VERSION:
        yield "aggregate_version", f"it must be a whole number from 1 to 2^47 - 1, not {version!r}"


def _unencodable_part(event: Event, error: Exception) -> Problem:
    """Return the place and the reason of an encoder's or decoder's error."""
    if isinstance(error, msgspec.ValidationError):
        said, _, place = str(error).partition(" - at `$.")
        return place.removesuffix("`") or "the whole event", said
    for name in event.__struct_fields__:
        try:
            _expect_plain(getattr(event, name))
        except CAN_T_BE_ENCODED as reason:
            return name, str(reason)
    return "the whole event", str(error)


def _expect_plain(value: object) -> None:
    """Raise one of CAN_T_BE_ENCODED for a value that JSON can't hold."""
    msgspec.json.encode(value)
    msgspec.msgpack.encode(value)


def _problems(event: Event, read: Event) -> Iterator[Problem]:
    """Compare the event with what a reader gets. A whole number is a float too, and a tuple is a list."""
    yield from _unstorable(msgspec.to_builtins(event, builtin_types=(Decimal,), enc_hook=msgspec.json.decode), "")
    yield from _changed(_json_value(event), _json_value(read), "")


def _json_value(event: Event) -> Any:
    return msgspec.json.decode(msgspec.json.encode(event))


def _unstorable(value: object, place: str) -> Iterator[Problem]:
    match value:
        case str() if REFUSED.search(value):
            yield place, "it has U+0000 or a lone surrogate, which PostgreSQL or JSON can't hold"
        case float() | Decimal() if not Decimal(value).is_finite():
            yield place, f"JSON has no number {value}"
        case dict():
            for name, inner in value.items():
                yield from _unstorable(name, f"{place}.{name}")
                yield from _unstorable(inner, f"{place}.{name}")
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from _unstorable(inner, f"{place}[{number}]")


def _changed(sent: object, read: object, place: str) -> Iterator[Problem]:
    if isinstance(sent, dict) and isinstance(read, dict):
        for name in sent | read:
            yield from _changed(sent.get(name), read.get(name), f"{place}.{name}")
    elif sent != read and not _is_same_set(sent, read):
        yield place, f"{sent!r} is not of the field's type: a reader gets {read!r}"


def _is_same_set(sent: object, read: object) -> bool:
    """Tell whether the lists differ only in their order, as a set's may."""
    return isinstance(sent, list) and isinstance(read, list) and sorted(map(repr, sent)) == sorted(map(repr, read))
