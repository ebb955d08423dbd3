"""The catalogue of events: their fields, where they are created, and which groups handle them."""

from collections.abc import Collection
from typing import Any

import msgspec
from django.utils.module_loading import import_string

from events.conf import conf
from events.event import registered_types
from events.schemas.call_sites import find_call_sites
from events.schemas.compatibility import Schema, describe_type
from events.subscriber import handled_names


class CatalogueField(msgspec.Struct, frozen=True):
    """A field of the JSON; `doc` is the description that its annotation gives."""

    name: str
    type: str
    required: bool
    doc: str


class CatalogueType(msgspec.Struct, frozen=True):
    """A type that fields refer to."""

    name: str
    doc: str
    fields: list[CatalogueField]


class CatalogueEvent(msgspec.Struct, frozen=True):
    """An event in its current version; `made_in` has the functions that create it."""

    name: str
    version: int
    doc: str
    fields: list[CatalogueField]
    made_in: list[str]
    handled_by: list[str]


class Catalogue(msgspec.Struct, frozen=True):
    events: list[CatalogueEvent]
    types: list[CatalogueType]


def catalogue() -> Catalogue:
    """Describe all registered events."""
    event_types = registered_types()
    classes = [event_type.event_class for event_type in event_types]
    references, components = msgspec.json.schema_components(classes)
    made_in, handled = find_call_sites(classes), _handled_by_group()
    events = []
    for event_type, reference in zip(event_types, references, strict=True):
        component = components.pop(describe_type(reference))
        events.append(
            CatalogueEvent(
                name=event_type.name,
                version=event_type.version,
                doc=_doc(component),
                fields=_fields(component),
                made_in=made_in[event_type.event_class],
                handled_by=[group for group, names in handled.items() if names is None or event_type.name in names],
            )
        )
    types = [CatalogueType(name, _doc(component), _fields(component)) for name, component in components.items()]
    return Catalogue(events, types)


def _handled_by_group() -> dict[str, Collection[str] | None]:
    return {group: handled_names(import_string(path)) for group, path in sorted(conf.subscribers.items())}


def _doc(schema: Schema) -> str:
    """Return the first paragraph of the schema's description, or the values of an enumeration."""
    doc: Any = schema.get("description") or (describe_type(schema) if "enum" in schema else "")
    return " ".join(doc.partition("\n\n")[0].split())


def _fields(schema: Schema) -> list[CatalogueField]:
    required = schema.get("required", ())
    return [
        CatalogueField(name, describe_type(field), name in required, _doc(field) if "description" in field else "")
        for name, field in schema.get("properties", {}).items()
    ]
