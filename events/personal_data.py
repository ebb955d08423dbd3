"""Mark the fields of events that are about a person, find them, and redact them.

A Struct with marked fields has one that identifies the person, such as an e-mail address; its other marked fields are
about the same person. Fields into which anybody types anything are marked as free text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, get_args

import msgspec

from events.event import current_version, decode
from events.exceptions import Unprocessable
from events.texts.spellings import normal, spellings

REMOVED = "[…]"
"""What stands in a text where the person was. It is shorter than any e-mail address, so that each column holds it."""
SHORTEST_NAME = 3


class Personal(NamedTuple):
    """Marks a field, as in `email: Annotated[str, Personal("forgotten@person.invalid", identifies=True)]`.

    The replacement must be a valid value of the field. An event has it once the person is forgotten.
    """

    replacement: object
    identifies: bool = False


class FreeText:
    """Marks a text that people type, in which they may name anybody: `reason: Annotated[str, FREE_TEXT]`."""


FREE_TEXT = FreeText()


class Person(msgspec.Struct, frozen=True):
    """Whom to find or to forget: the identity, such as an e-mail address, and names by which free texts tell of it."""

    identity: str
    names: frozenset[str] = frozenset()

    def is_identified_by(self, value: object) -> bool:
        return isinstance(value, str) and normal(value) == normal(self.identity)

    def occurs_in(self, text: str) -> bool:
        """Tell whether the identity is in the text, as a word of its own."""
        return bool(_identity_pattern(self.identity).search(text))

    def is_named_in(self, text: str) -> bool:
        """Tell whether one of the names is in the text."""
        return any(_name_pattern(name).search(text) for name in self.names)

    def removed_from(self, text: str, *, names: bool = False) -> str:
        """Return the text without the identity, and on request without the names."""
        text = _identity_pattern(self.identity).sub(REMOVED, text)
        for name in sorted(self.names, key=len, reverse=True) if names else ():
            text = _name_pattern(name).sub(REMOVED, text)
        return text


@cache
def _identity_pattern(identity: str) -> re.Pattern[str]:
    """Match the identity, but no longer one that has it within: neither nada@example.org nor ada@example.org.uk."""
    forms = "|".join(re.escape(form) for form in sorted(spellings(identity), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?<!\w[.+-])(?:{forms})(?!\w|[.-]\w)", re.IGNORECASE)


@cache
def _name_pattern(name: str) -> re.Pattern[str]:
    forms = "|".join(re.escape(form) for form in sorted(spellings(name), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)", re.IGNORECASE)


class Sighting(NamedTuple):
    """A step of a search for a person: how much of a place was searched, and what in it has the person's identity."""

    place: str
    searched: int
    found: Sequence[Mapping[str, object]] = ()


class Leftover(NamedTuple):
    """A place in which the data of a forgotten person stay for a while, until when, and how to end that."""

    place: str
    until: str
    remedy: str


class Marks(NamedTuple):
    """The marked fields of a Struct."""

    personal: Mapping[str, Personal]
    free_text: frozenset[str]

    @property
    def identifying(self) -> list[str]:
        return [name for name, mark in self.personal.items() if mark.identifies]


@cache
def marks_of(struct: type[msgspec.Struct]) -> Marks:
    """Return the marked fields of a Struct, without those of Structs inside it."""
    fields = {field.name: getattr(field.type, "__metadata__", ()) for field in msgspec.structs.fields(struct)}
    personal = {name: mark for name, marks in fields.items() for mark in marks if isinstance(mark, Personal)}
    free_text = {name for name, marks in fields.items() if FREE_TEXT in marks}
    return Marks(personal, frozenset(free_text))


def all_marks_of(struct: type[msgspec.Struct]) -> list[Personal]:
    """Return the marks of a Struct's fields, also of those in Structs inside it."""
    return [mark for inner in structs_within(struct) for mark in marks_of(inner).personal.values()]


def structs_within(struct: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    """Return the Struct, and all Structs that its fields may hold."""
    found = {struct}
    waiting: list[Any] = [field.type for field in msgspec.structs.fields(struct)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, msgspec.Struct) and part not in found:
            found.add(part)
            waiting += [field.type for field in msgspec.structs.fields(part)]
        waiting += [inner for inner in get_args(part) if isinstance(inner, type) or get_args(inner)]
    return found


def identities_in(value: object) -> Iterator[str]:
    """Yield the identities of all persons that the value, an event or a part of one, is about."""
    for struct in _structs_in(value):
        for name in marks_of(type(struct)).identifying:
            if isinstance(found := getattr(struct, name), str):
                yield found


def names_in(value: object, person: Person) -> Iterator[str]:
    """Yield the texts of the marked fields beside the person's identity, such as a name, that can be looked for."""
    for struct in _structs_in(value):
        if _is_about(struct, person):
            for name, mark in marks_of(type(struct)).personal.items():
                found = getattr(struct, name)
                is_name = isinstance(found, str) and not mark.identifies and found != mark.replacement
                if is_name and len(found) >= SHORTEST_NAME:
                    yield found


def is_named_in(value: object, person: Person) -> bool:
    """Tell whether a free text within the value has one of the person's names."""
    return any(
        isinstance(text := getattr(struct, name), str) and person.is_named_in(text)
        for struct in _structs_in(value)
        for name in marks_of(type(struct)).free_text
    )


def redacted[T](value: T, person: Person, *, names: bool) -> T:
    """Return the value without the person: marked fields have their replacements, texts do not name it any more.

    The identity is removed from all texts, the names from those that are marked as free text.
    """
    return _redacted(value, person=person, names=names)  # type: ignore[no-any-return]


def redacted_data(event_type: str, version: int, data: str, *, person: Person, names: bool) -> tuple[str, int]:
    """Return an event's JSON without the person, in the current version, and that version; unchanged if it has nothing.

    What is no event of this release has no marks: the identity and the names are removed from its texts. Raise
    UnknownEventVersion for an event of a newer release.
    """
    try:
        event = decode(event_type, version, data)
    except Unprocessable:
        return redacted_json(data, person), version
    changed = redacted(event, person, names=names)
    if changed == event:
        return data, version
    return msgspec.json.encode(changed).decode(), current_version(event_type)


def redacted_json(text: str, person: Person) -> str:
    """Return JSON, or what should be JSON, without the person's identity and names in its texts."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return person.removed_from(text, names=True)
    changed = _redacted(value, person=person, names=True, is_free=True)
    return text if changed == value else msgspec.json.encode(changed).decode()


def texts_in(value: object) -> Iterator[str]:
    """Yield all texts within a value of JSON or of a column."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield from texts_in(key)
                yield from texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from texts_in(inner)


def _redacted(value: Any, *, person: Person, names: bool, is_free: bool = False) -> Any:
    """`is_free`: the value is a free text, or may be one."""
    match value:
        case str():
            return person.removed_from(value, names=names and is_free)
        case msgspec.Struct():
            return _redacted_struct(value, person, names=names)
        case dict():
            redact = partial(_redacted, person=person, names=names, is_free=is_free)
            return {redact(key): redact(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset() if not hasattr(value, "_fields"):
            redact = partial(_redacted, person=person, names=names, is_free=is_free)
            return type(value)(map(redact, value))
    return value


def _redacted_struct(struct: msgspec.Struct, person: Person, *, names: bool) -> msgspec.Struct:
    marks, is_about = marks_of(type(struct)), _is_about(struct, person)
    changed: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        mark = marks.personal.get(name)
        new = _redacted(value, person=person, names=names, is_free=name in marks.free_text)
        changed[name] = mark.replacement if mark and is_about else new
    is_same = all(changed[name] == getattr(struct, name) for name in changed)
    return struct if is_same else msgspec.structs.replace(struct, **changed)


def _is_about(struct: msgspec.Struct, person: Person) -> bool:
    return any(person.is_identified_by(getattr(struct, name)) for name in marks_of(type(struct)).identifying)


def _structs_in(value: object) -> Iterator[msgspec.Struct]:
    match value:
        case msgspec.Struct():
            yield value
            yield from _within(getattr(value, name) for name in value.__struct_fields__)
        case dict():
            yield from _within(value.values())
        case list() | tuple() | set() | frozenset():
            yield from _within(value)


def _within(values: Iterable[object]) -> Iterator[msgspec.Struct]:
    for value in values:
        yield from _structs_in(value)
