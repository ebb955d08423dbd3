"""System checks of the event classes and their upcasters, which would otherwise fail when an event is handled."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from django.core.checks import CheckMessage, Error, register
from msgspec import inspect

from events.checks import CODE_TAG
from events.event import Event, EventType, registered_types
from events.personal_data import marks_of, structs_within
from events.upcasting import missing_steps, registered_steps

TIME_HINT = "Use events.event.Instant for a point in time, Annotated[time, msgspec.Meta(tz=False)] for a time of day."
JSON_HINT = "Use text, numbers, booleans, None, UUID, Decimal, dates, enums, lists, dicts, and Structs of these."
# A JSON object's keys are text; msgspec can convert all keys to text except these.
NO_KEYS = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.CollectionType,
    inspect.TupleType,
    inspect.DictType,
    inspect.FrozenDictType,
)
WITH_FIELDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.NamedTupleType)


@register(CODE_TAG)
def check_event_classes(**_: Any) -> Sequence[CheckMessage]:
    return [error for event_type in registered_types() for error in _check_class(event_type)]


@register(CODE_TAG)
def check_all_are_registered(**_: Any) -> Sequence[CheckMessage]:
    known = {event_type.event_class for event_type in registered_types()}
    hint = 'Decorate it with @event_type("<aggregate type>.<what happened>"), or remove it.'
    return [
        Error(
            f"{_path(event_class)} is an event class that is not registered",
            hint=hint,
            obj=event_class,
            id="events.E020",
        )
        for event_class in _declared(Event)
        if event_class not in known and not event_class.__subclasses__()  # A class with subclasses is only their base.
    ]


@register(CODE_TAG)
def check_upcasters(**_: Any) -> Sequence[CheckMessage]:
    versions = {event_type.name: event_type.version for event_type in registered_types()}
    gaps = [_gap(name, version, step) for name, version in versions.items() for step in missing_steps(name, version)]
    useless = [
        _useless_upcaster(_path(upcast), name, step, versions.get(name))
        for name, step, upcast in registered_steps()
        if not 1 <= step < versions.get(name, 0)
    ]
    return gaps + useless


def _gap(name: str, version: int, step: int) -> CheckMessage:
    what = f"{name} has version {version}, but no upcaster for its events of version {step}"
    hint = f'Write a function that converts its JSON to version {step + 1}: @upcaster("{name}", from_version={step}).'
    return Error(what, hint=hint, id="events.E024")


def _useless_upcaster(path: str, name: str, step: int, version: int | None) -> CheckMessage:
    instead = f"but its class has version {version}" if version else "but no class is registered under this name"
    hint = "Remove it, or let it start from a version below that of the registered class."
    return Error(f"{path} upcasts {name} from version {step}, {instead}", hint=hint, id="events.E025")


def _declared(base: type[Event]) -> Iterator[type[Event]]:
    for event_class in base.__subclasses__():
        yield event_class
        yield from _declared(event_class)


def _check_class(event_type: EventType) -> Iterator[CheckMessage]:
    event_class, what = event_type.event_class, f"{event_type.name} ({_path(event_type.event_class)})"
    if not event_class.__struct_config__.frozen:
        yield Error(f"{what} is not frozen", hint="Remove frozen=False: a fact does not change.", id="events.E021")
    for name in ("subject", "aggregate_version"):
        if getattr(event_class, name) is getattr(Event, name):
            hint = "Define it as a property: the aggregate's id, or the aggregate's version after the change."
            yield Error(f"{what} does not define {name}", hint=hint, id="events.E023")
    if event_class.__struct_config__.array_like:
        hint = "Remove array_like=True: upcasters and readers in other languages need the fields' names."
        yield Error(f"{what} is written as an array, not as an object", hint=hint, id="events.E027")
    for field in msgspec.structs.fields(event_class):
        yield from _check_field(f"{what}: field {field.name}", field.type)
    for struct in sorted(structs_within(event_class), key=_path):
        yield from _check_marks(f"{what}: {_path(struct)}", struct)


def _check_marks(what: str, struct: type[msgspec.Struct]) -> Iterator[CheckMessage]:
    """Require that a person's fields can be found by one of them, and that what replaces them can be read."""
    marks = marks_of(struct)
    if marks.personal and len(marks.identifying) != 1:
        hint = "Mark exactly one of them with Personal(..., identifies=True), such as the e-mail address."
        found = ", ".join(marks.identifying) or "none"
        yield Error(f"{what} has personal fields, of which {found} identify the person", hint=hint, id="events.E028")
    for field in msgspec.structs.fields(struct):
        if mark := marks.personal.get(field.name):
            try:
                msgspec.convert(msgspec.to_builtins(mark.replacement), field.type)
            except (msgspec.ValidationError, TypeError) as error:
                hint = "Choose a replacement that readers of the event accept."
                yield Error(f"{what}.{field.name} can't have its replacement: {error}", hint=hint, id="events.E029")


def _check_field(what: str, annotation: Any) -> Iterator[CheckMessage]:
    try:
        found = list(_types_within(inspect.type_info(annotation), what, set()))
    except TypeError as error:
        yield Error(f"{what} can't be written as JSON: {error}", hint=JSON_HINT, id="events.E022")
        return
    for path, part in found:
        match part:
            case inspect.CustomType(cls=unfit):
                yield Error(f"{path} can't be written as JSON: {_path(unfit)}", hint=JSON_HINT, id="events.E022")
            case inspect.DictType(key_type=key) | inspect.FrozenDictType(key_type=key) if not _may_be_key(key):
                yield Error(
                    f"{path} can't be written as JSON: keys must be text or numbers", hint=JSON_HINT, id="events.E022"
                )
            case inspect.DateTimeType(tz=None) | inspect.TimeType(tz=None):
                yield Error(f"{path} is a time that may lack a time zone", hint=TIME_HINT, id="events.E026")


def _may_be_key(key: inspect.Type) -> bool:
    match key:
        case inspect.UnionType(types=types):
            return all(map(_may_be_key, types))
        case inspect.Metadata(type=inner):
            return _may_be_key(inner)
    return not isinstance(key, NO_KEYS + WITH_FIELDS)


def _types_within(part: inspect.Type, path: str, seen: set[type]) -> Iterator[tuple[str, inspect.Type]]:
    """Yield the type and all types inside it, each with its path."""
    yield path, part
    if isinstance(part, WITH_FIELDS):
        fields = () if part.cls in seen else part.fields
        seen.add(part.cls)
        for field in fields:
            yield from _types_within(field.type, f"{path}.{field.name}", seen)
        return
    for name in part.__struct_fields__:
        value = getattr(part, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, inspect.Type):
                yield from _types_within(inner, path, seen)


def _path(what: Any) -> str:
    return f"{what.__module__}.{what.__qualname__}"
