"""The JSON Schemas of the events, and which changes of them break readers."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from events.envelope import SCHEMA_PREFIX, dataschema
from events.event import EventType
from events.upcasting import missing_steps

type Schema = dict[str, Any]
type Key = Annotated[str, msgspec.Meta(pattern=f"^{SCHEMA_PREFIX}.+:[0-9]+$")]
type Lock = dict[Key, Schema]
"""Schemas by the `dataschema` of entries on the stream: one for each name and version."""

# All other keys of a schema describe its type.
ANNOTATIONS = {"title", "description", "default", "discriminator"}
PARTS = {"$defs", "$ref", "properties", "required", "items", "additionalProperties", "prefixItems", "anyOf"}


class Change(msgspec.Struct, frozen=True):
    """A difference between a locked schema and the class. One that breaks readers has a remedy."""

    what: str
    remedy: str = ""

    @property
    def is_breaking(self) -> bool:
        return bool(self.remedy)


def schema_of(event_type: EventType) -> Schema:
    return msgspec.json.schema(event_type.event_class)


def changes(locked: Lock, event_types: Sequence[EventType]) -> Iterator[Change]:
    """Compare the locked schemas with the classes."""
    by_name = {event_type.name: event_type for event_type in event_types}
    for key, schema in locked.items():
        name, _, version = key.removeprefix(SCHEMA_PREFIX).rpartition(":")
        what = f"{name} version {version}"
        if event_type := by_name.get(name):
            yield from _changes_of_version(what, int(version), schema, event_type)
        else:
            remedy = "Keep its class, since the log has such events; if there are none, delete it from the lock file."
            yield Change(f"{what}: the event is removed.", remedy)
    for event_type in event_types:
        if dataschema(event_type.name, event_type.version) not in locked:
            yield Change(f"{event_type.name} version {event_type.version} is new.")


def _changes_of_version(what: str, version: int, schema: Schema, event_type: EventType) -> Iterator[Change]:
    if version > event_type.version:
        yield Change(
            f"{what}: the version is removed; the class has version {event_type.version}.",
            f"Versions can only grow: give the class version {version} or higher.",
        )
    elif version == event_type.version:
        yield from _changes_of_schema(what, schema, event_type)
    elif gaps := [step for step in missing_steps(event_type.name, event_type.version) if step >= version]:
        yield Change(
            f"{what}: the version is removed; its events have no upcaster to version {event_type.version}.",
            f'Write @upcaster("{event_type.name}", from_version={gaps[0]}).',
        )


def _changes_of_schema(what: str, locked: Schema, event_type: EventType) -> Iterator[Change]:
    current = schema_of(event_type)
    differences = list(_Comparison(locked, current).differences())
    for difference in differences:
        remedy = difference.remedy and (
            f"{difference.remedy}, or make version {event_type.version + 1}, "
            f'with @upcaster("{event_type.name}", from_version={event_type.version}).'
        )
        yield Change(f"{what}: {difference.what}.", remedy)
    if current != locked and not differences:
        yield Change(f"{what}: its documentation or a default has changed.")


class _Comparison:
    """Compares a locked schema with the current one, field by field."""

    def __init__(self, locked: Schema, current: Schema) -> None:
        self._locked = locked
        self._current = current

    def differences(self) -> Iterator[Change]:
        yield from self._compare("", self._locked, self._current, frozenset())

    def _compare(self, path: str, old: Schema, new: Schema, above: frozenset[Any]) -> Iterator[Change]:
        names = (old.get("$ref"), new.get("$ref"))
        if all(names) and names in above:
            return  # A recursive type.
        above |= {names}
        old_type, new_type = _resolve(old, self._locked), _resolve(new, self._current)
        old_parts, new_parts = _parts(old_type), _parts(new_type)
        if _shape(old_type) != _shape(new_type) or [at for at, _ in old_parts] != [at for at, _ in new_parts]:
            yield Change(f"field {path} {_retyped(old, new, old_type, new_type)}", "Keep its type")
            return
        for (at, old_part), (_, new_part) in zip(old_parts, new_parts, strict=True):
            yield from self._compare(path + at, old_part, new_part, above)
        yield from self._compare_fields(path, old_type, new_type, above)

    def _compare_fields(self, path: str, old: Schema, new: Schema, above: frozenset[Any]) -> Iterator[Change]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        required_before, required_now = set(old.get("required", ())), set(new.get("required", ()))
        for name, field in old_fields.items():
            full_name = f"{path}.{name}" if path else name
            if name not in new_fields:
                yield Change(f"field {full_name} is removed", "Keep it")
                continue
            if name in required_now - required_before:
                yield Change(f"field {full_name} has become required", "Give it a default")
            if name in required_before - required_now:
                yield Change(f"field {full_name} has become optional")
            yield from self._compare(full_name, field, new_fields[name], above)
        for name in new_fields.keys() - old_fields.keys():
            full_name = f"{path}.{name}" if path else name
            if name in required_now:
                yield Change(f"field {full_name} is new and required", "Give it a default")
            else:
                yield Change(f"field {full_name} is new and optional")


def _resolve(schema: Schema, within: Schema) -> Schema:
    """Return the definition that the schema refers to, or the schema itself."""
    reference = schema.get("$ref")
    return within["$defs"][reference.rpartition("/")[2]] if reference else schema


def _shape(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name not in ANNOTATIONS | PARTS}


def _retyped(old: Schema, new: Schema, old_type: Schema, new_type: Schema) -> str:
    before, now = describe_type(old), describe_type(new)
    if before == now:  # The description is the same, but a length or pattern differs.
        before, now = str(_shape(old_type)), str(_shape(new_type))
    return f"was {before} and is {now}"


def _parts(schema: Schema) -> list[tuple[str, Schema]]:
    """Return the schema's inner types except its fields, each with its addition to the path."""
    parts = [("", part) for part in schema.get("anyOf", ())]
    parts += [(f"[{number}]", part) for number, part in enumerate(schema.get("prefixItems", ()))]
    named = {"[]": schema.get("items"), "{}": schema.get("additionalProperties")}
    return parts + [(name, part) for name, part in named.items() if isinstance(part, dict)]


def describe_type(schema: Schema) -> str:
    """Describe the schema's type in words, for example `string (uuid) or null`."""
    match schema:
        case {"$ref": reference}:
            text = reference.rpartition("/")[2]
        case {"anyOf": parts}:
            text = " or ".join(map(describe_type, parts))
        case {"enum": values}:
            text = f"one of {', '.join(map(str, values))}"
        case {"type": "array", "items": dict(item)}:
            text = f"list of {describe_type(item)}"
        case {"type": "object", "additionalProperties": dict(value)}:
            text = f"object of {describe_type(value)}"
        case {"type": kind, "format": form}:
            text = f"{kind} ({form})"
        case _:
            text = schema.get("type", "anything")
    return str(text)
