"""Check the settings when a process starts, without asking Elasticsearch, which may be down."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from events.checks import CODE_TAG, SETTINGS_TAG
from events.conf import conf as events_conf
from events.event import aggregate_type_of, registered_types, type_of
from readmodel.conf import GROUP, conf
from readmodel.projection import Projection, load_projection
from readmodel.server_url import ServerURL

# Elasticsearch allows more; this is what also works in the names of the indices.
ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")


@register(SETTINGS_TAG)
def check_url(**_: Any) -> Sequence[CheckMessage]:
    try:
        ServerURL.parse(conf.url).check_files()
    except ImproperlyConfigured as error:
        hint = "Write http://host:9200 or https://user:password@host:9200; docs/reference/urls.md has all options."
        return [Error(str(error), hint=hint, id="readmodel.E001")]
    return []


@register(SETTINGS_TAG)
def check_alias(**_: Any) -> Sequence[CheckMessage]:
    if conf.alias is None or ALIAS.fullmatch(conf.alias):
        return []
    hint = "Begin with a letter or digit, and use only a to z, 0 to 9, dots, hyphens and underscores."
    return [Error(f"READMODEL_ALIAS can't be {conf.alias!r}", hint=hint, id="readmodel.E002")]


@register(SETTINGS_TAG)
def check_audit(**_: Any) -> Sequence[CheckMessage]:
    if conf.audit_per_second >= 0:
        return []
    hint = "Set it to the number of documents that a process compares each second; 0 turns the audit off."
    found = f"READMODEL_AUDIT_PER_SECOND is {conf.audit_per_second}, but must be 0 or more"
    return [Error(found, hint=hint, id="readmodel.E003")]


@register(SETTINGS_TAG)
def check_copies(**_: Any) -> Iterable[CheckMessage]:
    for name, value, least in (("SHARDS", conf.shards, 1), ("REPLICAS", conf.replicas, 0)):
        if value < least:
            hint = "Count the primaries as shards, and the further copies of each as replicas."
            yield Error(f"READMODEL_{name} is {value}, but must be {least} or more", hint=hint, id="readmodel.E011")


@register(SETTINGS_TAG)
def check_max_waiting(**_: Any) -> Sequence[CheckMessage]:
    if conf.max_waiting >= 1:
        return []
    hint = "Set it to the number of requests of a process that may wait for Elasticsearch at once."
    found = f"READMODEL_MAX_WAITING is {conf.max_waiting}, but must be 1 or more"
    return [Error(found, hint=hint, id="readmodel.E010")]


@register(CODE_TAG)
def check_projections(**_: Any) -> Iterable[CheckMessage]:
    found = [_load(path) for path in conf.projections]
    errors = [error for error in found if isinstance(error, CheckMessage)]
    projections = [projection for projection in found if not isinstance(projection, CheckMessage)]
    for projection in projections:
        errors += [*_name_errors(projection), *_event_errors(projection), *_field_errors(projection)]
    names = Counter(getattr(projection, "name", "") for projection in projections)
    errors += [
        Error(f"{number} projections have the name {name!r}", hint="Give each its own name.", id="readmodel.E008")
        for name, number in names.items()
        if number > 1
    ]
    return errors


@register(CODE_TAG)
def check_group(**_: Any) -> Sequence[CheckMessage]:
    is_fed = GROUP in events_conf.subscribers
    if is_fed and not conf.projections:
        hint = "Name the projections in READMODEL_PROJECTIONS."
        return [Error(f"The group {GROUP} has no projection to feed", hint=hint, id="readmodel.E009")]
    if is_fed or not conf.projections:
        return []
    hint = f'Add "{GROUP}": "readmodel.subscriber.ReadModel" to EVENTS_SUBSCRIBERS.'
    return [Error("No consumer group feeds the READMODEL_PROJECTIONS", hint=hint, id="readmodel.E009")]


def _load(path: str) -> type[Projection] | CheckMessage:
    try:
        return load_projection(path)
    except ImproperlyConfigured as error:
        hint = "Name a class derived from readmodel.projection.Projection by its dotted path."
        return Error(str(error), hint=hint, id="readmodel.E004")


def _name_errors(projection: type[Projection]) -> Iterator[CheckMessage]:
    name = getattr(projection, "name", "")
    if not ALIAS.fullmatch(name):
        hint = "Begin with a letter or digit, and use only a to z, 0 to 9, dots, hyphens and underscores."
        yield Error(f"{_path_of(projection)}.name can't be {name!r}", hint=hint, id="readmodel.E005")


def _event_errors(projection: type[Projection]) -> Iterator[CheckMessage]:
    """Require all events of one aggregate type, since compaction keeps only an aggregate's newest, of any type."""
    path = f"{_path_of(projection)}.handles"
    try:
        names = {type_of(event).name for event in getattr(projection, "handles", ())}
    except (TypeError, AttributeError) as error:
        hint = "List event classes that are registered with @event_type."
        yield Error(f"{path}: {error}", hint=hint, id="readmodel.E006")
        return
    aggregate_types = {aggregate_type_of(name) for name in names}
    if len(aggregate_types) != 1:
        found = ", ".join(sorted(aggregate_types)) or "none"
        hint = "List all events of one aggregate type; write a projection for each aggregate type."
        yield Error(f"{path} must be of one aggregate type, not of {found}", hint=hint, id="readmodel.E006")
        return
    registered = {known.name for known in registered_types() if aggregate_type_of(known.name) in aggregate_types}
    if missing := sorted(registered - names):
        hint = "Add them; `document` may return None to hide an aggregate from searches."
        yield Error(f"{path} lacks {', '.join(missing)}", hint=hint, id="readmodel.E006")


def _field_errors(projection: type[Projection]) -> Iterator[CheckMessage]:
    path, mapping = _path_of(projection), getattr(projection, "mapping", {})
    if mapping.get(projection.id_field, {}).get("type") != "keyword":
        hint = 'Map the field that has the document\'s id as {"type": "keyword"}, and name it in `id_field`.'
        yield Error(f"{path}.mapping has no keyword {projection.id_field!r}", hint=hint, id="readmodel.E007")
    if mapping.get(projection.version_field, {}).get("type") != "long":
        hint = 'Map the field that has the aggregate\'s version as {"type": "long"}, and name it in `version_field`.'
        yield Error(f"{path}.mapping has no long {projection.version_field!r}", hint=hint, id="readmodel.E007")
    if projection.is_per_event and projection.subject_field not in mapping:
        hint = "Name the field that has the aggregate's id in `subject_field`."
        yield Error(f"{path}.mapping has no {projection.subject_field!r}", hint=hint, id="readmodel.E007")


def _path_of(projection: type[Projection]) -> str:
    return f"{projection.__module__}.{projection.__qualname__}"
